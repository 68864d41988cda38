// `receipt`: checks a reply's receipt offline, or computes the reply again and compares.
#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <memory>
#include <mutex>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/settings_flags.h"
#include "node/loaded_model.h"
#include "node/sampling_text.h"
#include "provenance/chain/reply_receipt.h"

namespace gptoss::cli {
namespace {

namespace chain = provenance::chain;
using Json = nlohmann::json;

struct ReceiptOptions {
    std::string file, signer, model, tokens, device = "auto";
};

enum ReceiptExitCode { kHolds = 0, kDiffers = 4 };

Json read_json(const std::string& path) {
    std::ifstream file(path);
    if (!file)
        throw Error(ErrorCode::file_not_found, path + " cannot be read", "Name a receipt saved as JSON.");
    Json value = Json::parse(file, nullptr, false);
    if (value.is_discarded())
        throw Error(ErrorCode::file_corrupt, path + " is not JSON",
                    "Save GET /v1/receipts/{id} as it comes.");
    return value;
}

std::vector<TokenId> token_list(const Json& tokens, const char* name) {
    std::vector<TokenId> list;
    const bool there = tokens.is_object() && tokens.contains(name) && tokens[name].is_array();
    for (const Json& token : there ? tokens[name] : Json::array())
        if (token.is_number_unsigned() && token.get<std::uint64_t>() <= 0x7FFFFFFF)
            list.push_back(token.get<TokenId>());
    if (!there || list.size() != tokens[name].size())
        throw Error(ErrorCode::file_corrupt, std::string("there is no list of ") + name + " tokens",
                    "A receipt holds hashes alone. Keep tokens with GPTOSS_RECEIPTS=tokens, or name a file "
                    "{\"prompt\": [...], \"output\": [...]} with --tokens.");
    return list;
}

// True when the receipt holds; says what does not.
bool holds(const chain::SignedReceipt& receipt, const Json& document, const std::string& wanted_signer) {
    if (!chain::is_genuine(receipt)) {
        std::printf("FORGED: %s did not sign these fields\n",
                    chain::to_checksum_text(receipt.signer).c_str());
        return false;
    }
    if (!wanted_signer.empty()) {
        const auto wanted = chain::address_from_hex(wanted_signer);
        if (!wanted) throw Error(ErrorCode::setting_invalid, "--signer is not an address", "");
        if (*wanted != receipt.signer) {
            std::printf("ANOTHER SIGNER: %s\n", chain::to_checksum_text(receipt.signer).c_str());
            return false;
        }
    }
    if (document.contains("tokens") &&
        (chain::hash_of_tokens(token_list(document["tokens"], "prompt")) != receipt.receipt.prompt_hash ||
         chain::hash_of_tokens(token_list(document["tokens"], "output")) != receipt.receipt.output_hash)) {
        std::printf("FORGED: the tokens beside the receipt are not the signed ones\n");
        return false;
    }
    const chain::ReplyReceipt& fields = receipt.receipt;
    std::printf(
        "signed by   %s (chain %llu)\nreply       %s by %s\ncomposite   %s\n"
        "tokens      %u prompt, %u output, %u of them reasoning\nsampling    %s seed=%llu\n",
        chain::to_checksum_text(receipt.signer).c_str(), static_cast<unsigned long long>(receipt.chain_id),
        fields.id.c_str(), fields.node_version.c_str(), chain::to_hex_prefixed(fields.composite).c_str(),
        fields.prompt_tokens, fields.output_tokens, fields.reasoning_tokens, fields.sampling.c_str(),
        static_cast<unsigned long long>(fields.seed));
    return true;
}

int check_receipt(const ReceiptOptions& options) {
    const Json document = read_json(options.file);
    return holds(chain::receipt_from_json(document), document, options.signer) ? kHolds : kDiffers;
}

// Gathers one generation; wait() gives its tokens.
class Gather final : public engine::GenerationSink {
  public:
    void on_token(const backend::SampledToken& token) override { tokens_.push_back(token.token); }
    void on_finish(engine::FinishReason, const engine::Usage&, const std::string& error) override {
        const std::lock_guard lock(mutex_);
        error_ = error;
        done_ = true;
        finished_.notify_all();
    }
    std::vector<TokenId> wait() {
        std::unique_lock lock(mutex_);
        finished_.wait(lock, [this] { return done_; });
        if (!error_.empty()) throw Error(ErrorCode::device_failed, error_);
        return tokens_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable finished_;
    std::vector<TokenId> tokens_;
    std::string error_;
    bool done_ = false;
};

int replay(const ReceiptOptions& options) {
    const Json document = read_json(options.file);
    const chain::SignedReceipt receipt = chain::receipt_from_json(document);
    if (!holds(receipt, document, options.signer)) return kDiffers;
    const Json tokens = options.tokens.empty() ? document.value("tokens", Json()) : read_json(options.tokens);
    const node::SignedSampling drawn = node::read_sampling_text(receipt.receipt.sampling);
    engine::GenerationRequest request;
    request.sampling = drawn.sampling;
    request.sampling.seed = receipt.receipt.seed;
    request.biases = drawn.biases;
    request.max_tokens = static_cast<std::int32_t>(receipt.receipt.output_tokens);
    request.prompt = token_list(tokens, "prompt");
    if (chain::hash_of_tokens(request.prompt) != receipt.receipt.prompt_hash) {
        std::printf("DIFFERS: the prompt tokens given are not the signed ones\n");
        return kDiffers;
    }
    node::Settings settings;
    settings.model_path = options.model;
    settings.device = options.device;
    settings.max_sequences = 1;
    settings.require_model_validation = "off";
    settings.max_context_length = receipt.receipt.prompt_tokens + receipt.receipt.output_tokens + 1;
    settings.hash_weights = true;
    const node::LoadedModel model =
        node::load_model(settings, devices(), [](const std::string&, std::int64_t, std::int64_t) {});
    const std::string composite =
        "0x" + model.served.card["provenance"]["composite_sha256"].get<std::string>();
    if (composite != chain::to_hex_prefixed(receipt.receipt.composite)) {
        std::printf("DIFFERS: this model's composite hash is %s\n", composite.c_str());
        return kDiffers;
    }
    const auto sink = std::make_shared<Gather>();
    model.engine->submit(std::move(request), sink);
    const std::vector<TokenId> output = sink->wait();
    if (chain::hash_of_tokens(output) == receipt.receipt.output_hash) {
        std::printf("the same tokens: %zu of them\n", output.size());
        return kHolds;
    }
    std::printf("DIFFERS: other tokens came out");
    if (tokens.contains("output")) {
        const auto signed_output = token_list(tokens, "output");
        const auto place =
            std::mismatch(output.begin(), output.end(), signed_output.begin(), signed_output.end());
        std::printf(", first at token %td", place.first - output.begin());
    }
    std::printf(drawn.constrained ? "; the reply was held to a form that a replay does not know\n" : "\n");
    return kDiffers;
}

}  // namespace

void add_receipt(CLI::App& app, int& exit_code) {
    CLI::App* command =
        app.add_subcommand("receipt", "A reply's signed receipt: check it, or replay the reply");
    command->require_subcommand(1);
    auto options = std::make_shared<ReceiptOptions>();
    CLI::App* check_command =
        command->add_subcommand("check", "Is the signature the signer's? Works offline");
    CLI::App* replay_command =
        command->add_subcommand("replay", "Compute the reply again: does the model give the same tokens?");
    for (CLI::App* each : {check_command, replay_command}) {
        each->add_option("file", options->file, "The receipt: GET /v1/receipts/{id}, saved")->required();
        each->add_option("--signer", options->signer, "The address it must be signed by");
    }
    replay_command->add_option("--model", options->model, "A GGUF file, or any part of a split one")
        ->required();
    replay_command->add_option(
        "--tokens", options->tokens,
        "File with {\"prompt\": [...], \"output\": [...]}, when the receipt has none beside it");
    replay_command->add_option("--device", options->device, "auto, cpu or cuda");
    command->footer("Exit status: 0 it holds, 4 it does not, 1 error. docs/receipts.md has the encoding.");
    check_command->callback([options, &exit_code] { exit_code = check_receipt(*options); });
    replay_command->callback([options, &exit_code] { exit_code = replay(*options); });
}

}  // namespace gptoss::cli

// `receipt`: checks a reply's receipt offline, or computes the reply again and compares.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/receipt_form.h"
#include "cli/settings_flags.h"
#include "node/fingerprint_check.h"
#include "node/fingerprint_code.h"
#include "node/receipt_replay.h"
#include "provenance/chain/reply_receipt.h"

namespace gptoss::cli {
namespace {

namespace chain = provenance::chain;
using Json = nlohmann::json;

struct ReceiptOptions {
    std::vector<std::string> files;
    std::string signer, model, tokens, device = "auto";
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

void print_fields(const chain::SignedReceipt& receipt) {
    const chain::ReplyReceipt& fields = receipt.receipt;
    std::printf(
        "signed by   %s (chain %llu)\nreply       %s by %s\ncomposite   %s\n"
        "tokens      %u prompt, %u output, %u of them reasoning\nsampling    %s seed=%llu\n",
        chain::to_checksum_text(receipt.signer).c_str(), static_cast<unsigned long long>(receipt.chain_id),
        fields.id.c_str(), fields.node_version.c_str(), chain::to_hex_prefixed(fields.composite).c_str(),
        fields.prompt_tokens, fields.output_tokens, fields.reasoning_tokens, fields.sampling.c_str(),
        static_cast<unsigned long long>(fields.seed));
    if (fields.version > 1)
        std::printf("ended by    %s, of at most %u tokens\nnumerics    %s\n", fields.finish.c_str(),
                    fields.max_tokens, chain::to_hex_prefixed(fields.numerics).c_str());
}

struct OpenedReceipt {
    std::string file;
    Json document;
    chain::SignedReceipt receipt;
};

// Those that are genuine; says which are not.
std::vector<OpenedReceipt> genuine(const ReceiptOptions& options) {
    std::vector<OpenedReceipt> opened;
    for (const std::string& file : options.files) {
        Json document = read_json(file);
        const chain::SignedReceipt receipt = chain::receipt_from_json(document);
        const node::ReceiptVerdict verdict = node::check_signature(receipt, document, options.signer);
        if (options.files.size() > 1) std::printf("%s: ", file.c_str());
        if (!verdict.holds || options.files.size() > 1) std::printf("%s\n", verdict.why.c_str());
        if (!verdict.holds) continue;
        if (options.files.size() == 1) print_fields(receipt);
        opened.push_back({file, std::move(document), receipt});
    }
    return opened;
}

// One model for all of them.
node::Settings replay_settings(const ReceiptOptions& options, const std::vector<OpenedReceipt>& receipts) {
    node::Settings settings;
    settings.model_path = options.model;
    settings.device = node::device_named(options.device);
    settings.max_sequences = node::kReplayRowsAtOnce;
    node::take_recorded_numerics(settings, receipts.front().receipt.receipt, receipts.front().document);
    for (const OpenedReceipt& each : receipts) {
        const chain::ReplyReceipt& fields = each.receipt.receipt;
        settings.max_context_length = std::max<std::int64_t>(
            settings.max_context_length, std::int64_t{fields.prompt_tokens} + fields.output_tokens + 1);
    }
    return settings;
}

std::vector<engine::Fingerprint> fingerprints_of(const OpenedReceipt& receipt) {
    const auto bytes = chain::bytes_from_hex(receipt.document.value("fingerprint", ""));
    if (!bytes || bytes->empty())
        throw Error(
            ErrorCode::file_corrupt, receipt.file + " has no fingerprint",
            "The node signs them with GPTOSS_RECEIPTS_FINGERPRINT=true. Without one, use receipt replay.");
    return node::read_fingerprints(*bytes);
}

// With a model, the fingerprints too.
int check_receipts(const ReceiptOptions& options) {
    const std::vector<OpenedReceipt> receipts = genuine(options);
    const bool genuine_all = receipts.size() == options.files.size();
    if (options.model.empty() || receipts.empty()) return genuine_all ? kHolds : kDiffers;
    node::ReplayModel model(replay_settings(options, receipts), devices());
    bool fits = genuine_all;
    for (const OpenedReceipt& each : receipts) {
        const Json tokens =
            options.tokens.empty() ? each.document.value("tokens", Json()) : read_json(options.tokens);
        const node::FingerprintVerdict verdict = node::check_fingerprints(
            model, each.receipt.receipt, node::read_recorded_tokens(tokens), fingerprints_of(each),
            node::most_fingerprint_distance(each.document.value("numerics", ""), model.numerics().text));
        if (receipts.size() > 1) std::printf("%s: ", each.file.c_str());
        std::printf("%s\n", verdict.why.c_str());
        fits = fits && verdict.holds;
    }
    return fits ? kHolds : kDiffers;
}

int replay(const ReceiptOptions& options) {
    const std::vector<OpenedReceipt> receipts = genuine(options);
    if (receipts.empty()) return kDiffers;
    node::ReplayModel model(replay_settings(options, receipts), devices());
    std::size_t held = 0;
    for (const OpenedReceipt& each : receipts) {
        const Json tokens =
            options.tokens.empty() ? each.document.value("tokens", Json()) : read_json(options.tokens);
        const auto begin = std::chrono::steady_clock::now();
        const node::ReceiptVerdict verdict =
            node::replay_receipt(model, each.receipt.receipt, node::read_recorded_tokens(tokens));
        const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
        if (receipts.size() > 1) std::printf("%s: ", each.file.c_str());
        std::printf("%s (%.3f s)\n", verdict.why.c_str(), time.count());
        held += verdict.holds ? 1 : 0;
    }
    return held == options.files.size() ? kHolds : kDiffers;
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
        each->add_option("file", options->files,
                         "The receipt: GET /v1/receipts/{id}, saved. Several may be named")
            ->required();
        each->add_option("--signer", options->signer, "The address it must be signed by");
    }
    replay_command->add_option("--model", options->model, "A GGUF file, or any part of a split one")
        ->required();
    check_command->add_option("--model", options->model,
                              "GGUF file: do the receipt's fingerprints fit it, whatever device made them?");
    for (CLI::App* each : {check_command, replay_command}) {
        each->add_option(
            "--tokens", options->tokens,
            "File with {\"prompt\": [...], \"output\": [...], \"form\": \"...\"}, when the receipt "
            "has none beside it");
        each->add_option("--device", options->device, "With a model: auto, cpu or cuda");
    }
    add_receipt_form(*command, exit_code);
    command->footer("Exit status: 0 it holds, 4 it does not, 1 error. docs/receipts.md has the encoding.");
    check_command->callback([options, &exit_code] { exit_code = check_receipts(*options); });
    replay_command->callback([options, &exit_code] { exit_code = replay(*options); });
}

}  // namespace gptoss::cli

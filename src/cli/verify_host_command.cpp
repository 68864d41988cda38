// `verify-host`: asks a running node for replies with receipts at seeds drawn here, and computes a random part of
// them again.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <random>

#include "acceptance/report.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/host_check.h"
#include "cli/remote_node.h"
#include "cli/settings_flags.h"
#include "node/receipt_replay.h"

namespace gptoss::cli {
namespace {

using Json = nlohmann::json;
namespace chain = provenance::chain;

struct VerifyHostOptions {
    acceptance::ClientOptions host, second;
    std::string key_file, model, device = "auto", signer, prompts_file;
    std::int32_t requests = 40, max_tokens = 128;
    double share = 0.5;
    std::uint64_t seed = 0;
    bool json = false;
};

constexpr double kConfidence = 0.95;

std::vector<std::string> read_lines(const std::string& path) {
    std::vector<std::string> lines;
    if (path.empty()) return lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
        if (!line.empty()) lines.push_back(line);
    if (lines.empty())
        throw Error(ErrorCode::file_not_found, path + " holds no questions", "One a line, as UTF-8.");
    return lines;
}

// The node must not know before it answers which replies are looked at: they are chosen afterwards.
std::vector<HostReply*> choose(std::vector<HostReply>& replies, double share, std::mt19937_64& random) {
    std::vector<HostReply*> chosen;
    for (HostReply& reply : replies)
        if (reply.fault.empty()) chosen.push_back(&reply);
    std::ranges::shuffle(chosen, random);
    const auto wanted = static_cast<std::size_t>(std::max(1.0, share * static_cast<double>(replies.size())));
    chosen.resize(std::min(wanted, chosen.size()));
    return chosen;
}

void replay_some(const VerifyHostOptions& options, const std::vector<HostReply*>& chosen) {
    if (chosen.empty()) return;
    node::Settings settings;
    settings.model_path = options.model;
    settings.device = node::device_named(options.device);
    settings.max_sequences = node::kReplayRowsAtOnce;
    node::take_recorded_numerics(settings, chosen.front()->signed_receipt.receipt, chosen.front()->receipt);
    for (const HostReply* reply : chosen) {
        const chain::ReplyReceipt& fields = reply->signed_receipt.receipt;
        settings.max_context_length = std::max<std::int64_t>(
            settings.max_context_length, std::int64_t{fields.prompt_tokens} + fields.output_tokens + 1);
    }
    node::ReplayModel model(settings, devices());
    for (HostReply* reply : chosen) {
        const node::RecordedTokens told = node::read_recorded_tokens(reply->receipt.value("tokens", Json()));
        const node::ReceiptVerdict verdict = node::replay_receipt(model, reply->signed_receipt.receipt, told);
        reply->replayed = true;
        if (!verdict.holds)
            reply->fault = verdict.why;
        else if (model.tokenizer().decode(told.prompt).find(reply->question) == std::string::npos)
            reply->fault = "the receipt's prompt does not hold the question";
        else if (model.tokenizer().decode(told.output).find(reply->text) == std::string::npos)
            reply->fault = "the receipt's tokens are not the reply's text";
    }
}

Json report_of(const VerifyHostOptions& options, const std::vector<HostReply>& replies, std::uint64_t seed) {
    Json faults = Json::array();
    std::size_t replayed = 0, held = 0;
    const HostReply* first = nullptr;
    for (const HostReply& reply : replies) {
        if (first == nullptr && !reply.receipt.is_null()) first = &reply;
        replayed += reply.replayed ? 1 : 0;
        held += reply.replayed && reply.fault.empty() ? 1 : 0;
        if (!reply.fault.empty()) faults.push_back({{"id", reply.id}, {"why", reply.fault}});
    }
    Json report{{"host", options.host.url},
                {"holds", faults.empty() && held > 0},
                {"seed", seed},
                {"asked", replies.size()},
                {"replayed", replayed},
                {"held", held},
                {"by", options.model.empty() ? options.second.url : options.model},
                {"faults", std::move(faults)},
                {"confidence", kConfidence},
                {"largest_unnoticed_share", largest_unnoticed_share(held, kConfidence)}};
    if (first != nullptr) {
        report["signer"] = chain::to_checksum_text(first->signed_receipt.signer);
        report["composite"] = chain::to_hex_prefixed(first->signed_receipt.receipt.composite);
        report["numerics"] = first->receipt.value("numerics", "");
    }
    return report;
}

void print(const Json& report) {
    std::printf("host        %s\n", report["host"].get<std::string>().c_str());
    for (const char* name : {"signer", "composite", "numerics"})
        if (report.contains(name))
            std::printf("%-11s %s\n", name, acceptance::one_line(report[name].get<std::string>()).c_str());
    std::printf("replies     %zu asked, %zu computed again, %zu of them the same\n",
                report["asked"].get<std::size_t>(), report["replayed"].get<std::size_t>(),
                report["held"].get<std::size_t>());
    for (const Json& fault : report["faults"])
        std::printf("FAULT       %s: %s\n", acceptance::one_line(fault["id"].get<std::string>()).c_str(),
                    acceptance::one_line(fault["why"].get<std::string>()).c_str());
    if (report["holds"].get<bool>())
        std::printf("confidence  with %.0f %%, fewer than %.1f %% of its replies are other than it claims\n",
                    kConfidence * 100, report["largest_unnoticed_share"].get<double>() * 100);
}

int run(VerifyHostOptions options) {
    if (options.model.empty() == options.second.url.empty())
        throw Error(ErrorCode::setting_invalid, "name either --model or --second",
                    "The replies are computed again with a model's file, or by a second node.");
    options.host.api_key = options.second.api_key = api_key_of_client(options.key_file);
    options.host.url = url_of_node(options.host.url);
    if (options.seed == 0)
        options.seed = std::random_device()() + (std::uint64_t{std::random_device()()} << 20);
    std::mt19937_64 random(options.seed);
    std::vector<HostReply> replies =
        draw_questions(options.requests, options.max_tokens, read_lines(options.prompts_file), random);
    ask_host(acceptance::Client(options.host), options.signer, replies);
    if (options.second.url.empty()) {
        replay_some(options, choose(replies, options.share, random));
    } else {
        options.second.url = url_of_node(options.second.url);
        compare_with(acceptance::Client(options.second), replies);
    }
    const Json report = report_of(options, replies, options.seed);
    if (options.json)
        std::printf("%s\n", report.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    else
        print(report);
    if (report["holds"].get<bool>()) return 0;
    const bool answered = std::ranges::any_of(replies, [](const HostReply& r) { return !r.id.empty(); });
    return answered ? 4 : 2;
}

}  // namespace

void add_verify_host(CLI::App& app, int& exit_code) {
    CLI::App* command =
        app.add_subcommand("verify-host", "Ask a node for replies with receipts, and compute some again");
    auto options = std::make_shared<VerifyHostOptions>();
    options->host.timeout_ms = options->second.timeout_ms = 600'000;
    command->add_option("url", options->host.url, "The node, http://HOST:PORT")->required();
    command->add_option("--api-key-file", options->key_file, kApiKeyFileHelp);
    command->add_option("--model", options->model, "Replay with this GGUF file");
    command->add_option("--second", options->second.url, "Or ask this node the same, and compare");
    command->add_option("--device", options->device, "For --model: auto, cpu or cuda");
    command->add_option("--signer", options->signer, "The address that must have signed");
    command->add_option("--requests", options->requests, "Replies to ask for")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    command->add_option("--share", options->share, "Of the replies, to compute again")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str();
    command->add_option("--max-tokens", options->max_tokens, "Of each reply")
        ->check(CLI::Range(1, 131'072))
        ->capture_default_str();
    command->add_option("--prompts", options->prompts_file, "File with a question a line (default: drawn)");
    command->add_option("--seed", options->seed, "Draws questions and seeds alike again; 0 = at random");
    command->add_flag("--json", options->json, "For programs");
    command->footer("Exit status: 0 all hold, 4 some do not, 2 the node did not answer, 1 error.");
    command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace gptoss::cli

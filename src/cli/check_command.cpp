// `check`: does a running node do what it should? Exit status 0 yes, 1 no, 2 it could not be asked.
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>

#include "acceptance/check_session.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/remote_node.h"

namespace gptoss::cli {
namespace {

struct CheckOptions {
    acceptance::Options checks;
    std::string key_file, junit_file;
    bool json = false;
};

int run(CheckOptions options) {
    acceptance::ClientOptions& client = options.checks.client;
    client.api_key = api_key_of_client(options.key_file);
    client.url = url_of_node(client.url);
    const acceptance::Report report = acceptance::run_checks(options.checks);
    if (options.json) {
        // A server's bytes may be no UTF-8: they must not keep the report from being written.
        std::printf("%s\n",
                    report.to_json().dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    } else {
        std::printf("%s", report.table(isatty(STDOUT_FILENO) != 0).c_str());
    }
    if (!options.junit_file.empty()) {
        std::ofstream file(options.junit_file);
        file << report.to_junit();
        if (!file.flush()) throw Error(ErrorCode::disk_full, "cannot write " + options.junit_file);
    }
    if (report.outcomes.empty())
        throw Error(ErrorCode::setting_invalid, "--only names no check", "Run without it to see the names.");
    if (report.passed()) return 0;
    return report.model.empty() ? 2 : 1;
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
    CLI::App* command =
        app.add_subcommand("check", "Test a running node, or any OpenAI-compatible server with gpt-oss");
    auto options = std::make_shared<CheckOptions>();
    acceptance::Options& checks = options->checks;
    checks.client.url = "http://127.0.0.1:8080";
    checks.client.timeout_ms = 600'000;
    command->add_option("--url", checks.client.url, "The server")->capture_default_str();
    command->add_option("--api-key-file", options->key_file, kApiKeyFileHelp);
    command->add_option("--model", checks.model, "Model to ask (default: the first of /v1/models)");
    command
        ->add_option("--context", checks.context_length,
                     "Context the server must have; a prompt that fills it is sent")
        ->check(CLI::NonNegativeNumber);
    command
        ->add_option("--context-tokens", checks.context_tokens,
                     "Size of the prompt with a fact to find (default 4000, or what fits)")
        ->check(CLI::NonNegativeNumber);
    command->add_option("--min-tokens-per-second", checks.tokens_per_second_min, "Of one stream")
        ->capture_default_str();
    command->add_option("--planned-tokens-per-second", checks.planned_tokens_per_second,
                        "Printed beside what was measured");
    command->add_option("--max-first-token-ms", checks.first_token_ms_max, "Of a short prompt")
        ->capture_default_str();
    command->add_option("--concurrency", checks.concurrency, "Requests at once")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    command
        ->add_option("--vram-ceiling-mb", checks.vram_ceiling_mib, "In MiB (default: the node's own ceiling)")
        ->check(CLI::NonNegativeNumber);
    command->add_option("--timeout-ms", checks.client.timeout_ms, "Of each request")->capture_default_str();
    command->add_flag("--require-verified", checks.require_verified,
                      "Weights that were not verified fail, and are not skipped");
    command->add_flag("--require-gpu", checks.require_gpu,
                      "A layer that is not on the GPU fails, and is not skipped");
    command->add_option("--only", checks.only, "Names of checks, with commas between them")->delimiter(',');
    command->add_flag("--json", options->json, "For programs");
    command->add_option("--junit", options->junit_file, "Also write JUnit's XML to this file");
    command->footer(
        "Exit status: 0 nothing failed, 1 something did, 2 no model could be asked. What a server does not "
        "offer is "
        "skipped, and said so.");
    command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace gptoss::cli

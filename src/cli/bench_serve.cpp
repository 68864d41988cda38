// `bench serve`: a load on any OpenAI-compatible server.
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include "acceptance/load_figures.h"
#include "acceptance/load_generator.h"
#include "acceptance/load_trace.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/remote_node.h"

namespace gptoss::cli {
namespace {

struct BenchServeOptions {
    acceptance::LoadOptions load;
    acceptance::LoadShape shape;
    acceptance::LoadGoal goal;
    std::string key_file, trace, more;
    std::int32_t clients = 0;
    double rate = 0, speed = 1, duration_s = 60, settle_s = -1;
    std::size_t most_requests = 100'000;
    bool once = false, json = false, quiet = false;
};

struct Arrivals {
    std::vector<acceptance::LoadRequest> first;
    double end_s = 0;  // nothing is asked after this
};

Arrivals make_arrivals(const BenchServeOptions& options) {
    Arrivals load{.end_s = options.duration_s};
    if (!options.trace.empty()) {
        load.first = acceptance::read_load_trace(options.trace, options.speed, options.most_requests);
        std::erase_if(load.first, [&](const auto& request) { return request.at_s > options.duration_s; });
        load.end_s = std::min(load.end_s, load.first.back().at_s);
    } else if (options.rate > 0) {
        load.first = acceptance::poisson_load(options.shape, options.rate, options.duration_s);
    } else {
        for (std::int32_t client = 0; client < options.clients; ++client)
            load.first.push_back(options.shape.request(static_cast<std::uint64_t>(client), 0));
    }
    return load;
}

int run(BenchServeOptions options) {
    if ((options.clients > 0) + (options.rate > 0) + !options.trace.empty() != 1)
        throw Error(ErrorCode::setting_invalid, "bench serve needs one of --clients, --rate and --trace",
                    "For example: gpt-oss-node bench serve --clients 64");
    options.load.api_key = api_key_of_client(options.key_file);
    options.load.url = url_of_node(options.load.url);
    if (!options.more.empty()) {
        options.load.more = acceptance::Json::parse(options.more, nullptr, false);
        if (!options.load.more.is_object())
            throw Error(ErrorCode::setting_invalid, "--body is no JSON object",
                        R"(For example: --body '{"seed": 1}')");
    }
    Arrivals load = make_arrivals(options);
    std::uint64_t number = load.first.size();
    const auto next = [&](const acceptance::LoadReply& reply,
                          double now_s) -> std::optional<acceptance::LoadRequest> {
        if (options.clients == 0 || options.once || now_s >= load.end_s) return std::nullopt;
        constexpr double kAfterFailure_s = 1;  // a server that refuses is not asked faster and faster
        return options.shape.request(number++, now_s + (reply.problem.empty() ? 0 : kAfterFailure_s));
    };
    const auto report = [&](const acceptance::LoadProgress& progress) {
        if (options.quiet) return;
        std::fputs(fmt::format("{}{:5.0f} s   {:4} running   {:6} complete   {:4} failed   {:6} tok/s{}",
                               isatty(STDERR_FILENO) != 0 ? "\r" : "", progress.elapsed_s, progress.running,
                               progress.complete, progress.failed, progress.events,
                               isatty(STDERR_FILENO) != 0 ? "\033[K" : "\n")
                       .c_str(),
                   stderr);
        std::fflush(stderr);
    };
    const std::vector<acceptance::LoadReply> replies =
        acceptance::run_load(options.load, load.first, next, report);
    if (!options.quiet && isatty(STDERR_FILENO) != 0) std::fputs("\r\033[K", stderr);
    if (options.once) {
        load.end_s = 0;
        for (const acceptance::LoadReply& reply : replies) load.end_s = std::max(load.end_s, reply.end_s);
    }
    const double settle_s = options.settle_s >= 0 ? options.settle_s : options.once ? 0 : load.end_s / 4;
    const acceptance::LoadFigures figures =
        acceptance::figures_of(replies, std::min(settle_s, load.end_s), load.end_s, options.goal);
    const std::string text = options.json ? acceptance::to_json(figures, options.goal).dump(2) + "\n"
                                          : acceptance::to_text(figures, options.goal);
    std::fputs(text.c_str(), stdout);
    return figures.replies > 0 && figures.failed == 0 ? 0 : 1;
}

}  // namespace

void add_bench_serve(CLI::App& bench, int& exit_code) {
    CLI::App* command =
        bench.add_subcommand("serve", "Load on a running server, ours or any OpenAI-compatible one");
    auto options = std::make_shared<BenchServeOptions>();
    options->load.url = "http://127.0.0.1:8080";
    command->add_option("--url", options->load.url, "The server")->capture_default_str();
    command->add_option("--api-key-file", options->key_file, kApiKeyFileHelp);
    command->add_option("--model", options->load.model, "Model to name (not given: none)");
    command
        ->add_option("--clients", options->clients, "Closed loop: so many clients, each asks again at once")
        ->check(CLI::Range(1, 4096));
    command
        ->add_option("--rate", options->rate, "Independent arrivals (Poisson), so many a second on average")
        ->check(CLI::Range(0.001, 10'000.0));
    command->add_option("--trace", options->trace,
                        "Arrivals from a file in Mooncake's format: JSON lines of timestamp, input_length, "
                        "output_length and hash_ids");
    command->add_option("--trace-speed", options->speed, "So many times as fast as recorded")
        ->capture_default_str()
        ->check(CLI::Range(0.001, 1000.0));
    command->add_option("--words", options->shape.words, "Words of a prompt, about a token each")
        ->capture_default_str()
        ->check(CLI::Range(1, 1 << 20));
    command
        ->add_option("--random-tokens", options->shape.tokens,
                     "Prompts of so many random tokens instead of words, completed without a chat's format")
        ->check(CLI::Range(1, 1 << 20));
    command->add_option("--max-tokens", options->shape.answer, "Tokens of an answer")
        ->capture_default_str()
        ->check(CLI::Range(1, 1 << 20));
    command->add_option("--duration", options->duration_s, "Seconds in which is asked")
        ->capture_default_str()
        ->check(CLI::Range(1.0, 86'400.0));
    command->add_option("--settle", options->settle_s,
                        "Seconds at the beginning that do not count (not given: a quarter of the duration)");
    command->add_flag("--once", options->once,
                      "Each client asks once, and all that comes until the last reply counts");
    command->add_option("--seed", options->shape.seed, "Other texts for other seeds")->capture_default_str();
    command->add_option("--goal-first-token", options->goal.first_token_ms, "Goodput: ms to the first token")
        ->capture_default_str();
    command
        ->add_option("--goal-between-tokens", options->goal.between_tokens_ms,
                     "Goodput: ms between tokens, on average over a reply")
        ->capture_default_str();
    command->add_option("--body", options->more, "JSON object: members to add to every request");
    command->add_flag("--json", options->json, "Machine-readable output");
    command->add_flag("--quiet", options->quiet, "No progress");
    command->footer("Exit status: 0 all replies were complete, 1 some were not.");
    command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace gptoss::cli

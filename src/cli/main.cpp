// gpt-oss-node: one binary, one subcommand for each thing to do.
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <exception>

#include "base/error.h"
#include "cli/commands.h"

namespace {

constexpr int kOperatingError = 1;
constexpr int kInternalError = 70;  // EX_SOFTWARE

// Logs go to stderr: stdout belongs to what a subcommand prints for others to read.
void set_up_logging() {
    spdlog::set_default_logger(spdlog::stderr_color_mt("gpt-oss-node"));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
}

void add_subcommands(CLI::App& app, int& exit_code) {
#if defined(GPTOSS_HAS_SERVER)
    gptoss::cli::add_serve(app, exit_code);
    gptoss::cli::add_chat(app, exit_code);
#endif
    gptoss::cli::add_plan(app, exit_code);
#if __has_include("cli/bench.cpp")
    gptoss::cli::add_bench(app, exit_code);
#endif
#if defined(GPTOSS_HAS_SERVER)
#if __has_include("cli/tokenize.cpp")
    gptoss::cli::add_tokenize(app, exit_code);
#endif
#if __has_include("cli/render.cpp")
    gptoss::cli::add_render(app, exit_code);
#endif
#endif
    gptoss::cli::add_logits(app, exit_code);
#if defined(GPTOSS_HAS_SERVER)
    gptoss::cli::add_download(app, exit_code);
    gptoss::cli::add_verify(app, exit_code);
    gptoss::cli::add_register(app, exit_code);
#endif
}

}  // namespace

int main(int count, char** arguments) {
    set_up_logging();
    CLI::App app(
        "gpt-oss-node serves OpenAI's gpt-oss models from one GPU or CPU.\n"
        "Start with `gpt-oss-node chat` or `gpt-oss-node serve`; `gpt-oss-node SUBCOMMAND --help` explains "
        "each.");
    app.set_version_flag("--version", "gpt-oss-node " GPTOSS_VERSION);
    app.require_subcommand(1);
    app.get_formatter()->column_width(34);
    int exit_code = 0;
    add_subcommands(app, exit_code);
    try {
        app.parse(count, arguments);
    } catch (const CLI::ParseError& problem) {
        return app.exit(problem);
    } catch (const gptoss::Error& error) {
        std::fprintf(stderr, "error: %s\n", error.for_people().c_str());
        return kOperatingError;
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "internal error: %s\n", problem.what());
        return kInternalError;
    }
    return exit_code;
}

// gpt-oss-node: one binary, one subcommand for each thing to do.
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/printable.h"
#include "cli/commands.h"
#include "cli/usage_error.h"

namespace {

constexpr int kOperatingError = 1;
constexpr int kInternalError = 70;  // EX_SOFTWARE

// The message of a line. It may hold what a client, a host or a file said.
class PrintableMessage final : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg& line, const std::tm&, spdlog::memory_buf_t& out) override {
        const std::string text = gptoss::printable({line.payload.data(), line.payload.size()});
        out.append(text.data(), text.data() + text.size());
    }
    std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
        return std::make_unique<PrintableMessage>();
    }
};

// Logs go to stderr: stdout belongs to what a subcommand prints for others to read.
void set_up_logging() {
    spdlog::set_default_logger(spdlog::stderr_color_mt("gpt-oss-node"));
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<PrintableMessage>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %*");
    spdlog::set_formatter(std::move(formatter));
}

void add_subcommands(CLI::App& app, int& exit_code) {
    using namespace gptoss::cli;
#if defined(GPTOSS_HAS_SERVER)
    add_serve(app, exit_code);
    add_chat(app, exit_code);
    add_check(app, exit_code);
    add_qualify(app, exit_code);
    add_top(app, exit_code);
    add_download(app, exit_code);
    add_verify(app, exit_code);
    add_register(app, exit_code);
    add_node_models(app, exit_code);
    add_price(app, exit_code);
    add_earnings(app, exit_code);
    add_s5(app, exit_code);
    add_receipt(app, exit_code);
    add_verify_host(app, exit_code);
    add_tokenize(app, exit_code);
    add_render(app, exit_code);
#endif
    add_plan(app, exit_code);
    add_bench(app, exit_code);
    add_logits(app, exit_code);
    add_completion(app, exit_code);
}

// `gpt-oss-node --check-config ...` is `gpt-oss-node serve --check-config ...`: there is one thing to check.
// Reversed, as CLI11 takes them.
std::vector<std::string> words_for_parser(int count, char** arguments) {
    std::vector<std::string> words(arguments + 1, arguments + count);
    const bool has_subcommand = words.empty() || !words.front().starts_with("--");
    if (!has_subcommand && std::find(words.begin(), words.end(), "--check-config") != words.end()) {
        words.insert(words.begin(), "serve");
    }
    std::reverse(words.begin(), words.end());
    return words;
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
        app.name(arguments[0]);
        app.parse(words_for_parser(count, arguments));
    } catch (const CLI::ParseError& problem) {
        // --help and --version are no problem.
        if (problem.get_exit_code() == 0) return app.exit(problem);
        std::fprintf(stderr, "error: %s\n", gptoss::cli::usage_error_text(app, problem).c_str());
        return problem.get_exit_code();
    } catch (const gptoss::Error& error) {
        std::fprintf(stderr, "error: %s\n", gptoss::printable(error.for_people()).c_str());
        return kOperatingError;
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "internal error: %s\n", gptoss::printable(problem.what()).c_str());
        return kInternalError;
    }
    return exit_code;
}

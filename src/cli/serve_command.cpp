// `serve`: the node.
#include <spdlog/spdlog.h>

#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/settings_flags.h"
#include "node/protect_secrets.h"
#include "node/serve.h"
#include "node/start_check.h"

namespace gptoss::cli {
namespace {

struct ServeOptions {
    explicit ServeOptions(CLI::App& command) : settings(command) {}
    SettingsFlags settings;
    bool check_config = false;
    bool settings_markdown = false;
};

int run(const ServeOptions& options) {
    if (options.settings_markdown) {
        std::fputs(node::settings_markdown().c_str(), stdout);
        return 0;
    }
    const node::LoadedSettings settings = options.settings.load();
    if (options.check_config) {
        std::fputs(node::to_table(settings).c_str(), stdout);
        const std::vector<Error> problems = node::problems_before_start(settings.values, devices());
        for (const Error& problem : problems)
            std::fprintf(stderr, "error: %s\n", problem.for_people().c_str());
        return problems.empty() ? 0 : 1;
    }
    const std::vector<Error> problems = node::problems_before_start(settings.values, devices());
    if (!problems.empty()) throw problems.front();
    node::protect_secrets(settings.values);
    spdlog::set_level(spdlog::level::from_str(settings.values.log_level));
    return node::serve(settings.values, devices(), [&options] { return options.settings.load().values; });
}

}  // namespace

void add_serve(CLI::App& app, int& exit_code) {
    CLI::App* command =
        app.add_subcommand("serve", "Serve a model over HTTP: the OpenAI API on http://127.0.0.1:8080");
    auto options = std::make_shared<ServeOptions>(*command);
    command->add_flag(
        "--check-config", options->check_config,
        "Print the settings in effect, secrets hidden, and stop; fails when one is wrong, a part of the "
        "model is missing, or a GPU is asked of a build without CUDA");
    command->add_flag("--settings-markdown", options->settings_markdown, "Print docs/settings.md and stop")
        ->group("");
    command->footer(
        "With no model named, the demo model is served.\n"
        "Every flag is also an environment variable or a line of .env: its name stands in [brackets]. A flag "
        "wins over "
        "the\nenvironment, that over .env. Secrets have no flag: NAME_FILE names a file to read one from.\n\n"
        "Examples:\n"
        "  gpt-oss-node serve\n"
        "  gpt-oss-node serve --model gpt-oss-20b-mxfp4.gguf --context 32768 --port 9000\n"
        "  MODEL_PATH=/models/gpt-oss-120b-mxfp4-00001-of-00003.gguf gpt-oss-node serve --host 0.0.0.0 "
        "--api-keys-file keys.txt");
    command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace gptoss::cli

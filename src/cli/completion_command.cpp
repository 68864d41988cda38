// `completion`: scripts for shells, and the man page, as the package installs them.
#include <cstdio>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/shell_pages.h"

namespace gptoss::cli {

void add_completion(CLI::App& app, int& exit_code) {
    auto* command =
        app.add_subcommand("completion", "Print a script that completes commands in bash, zsh or fish");
    auto kind = std::make_shared<std::string>();
    command->add_option("shell", *kind, "bash, zsh or fish; or man, for the manual page")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish", "man"}));
    command->footer("Example: gpt-oss-node completion bash > /etc/bash_completion.d/gpt-oss-node");
    command->callback([kind, &app, &exit_code] {
        const std::string text = *kind == "bash"   ? bash_completion(app)
                                 : *kind == "zsh"  ? zsh_completion(app)
                                 : *kind == "fish" ? fish_completion(app)
                                                   : man_page(app);
        std::fputs(text.c_str(), stdout);
        exit_code = 0;
    });
}

}  // namespace gptoss::cli

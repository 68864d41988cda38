// The command line described for shells and for man, from the parser itself: what the parser takes, they know.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace gptoss::cli {

// Scripts that complete subcommands and flags; `app` is the whole program.
std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string fish_completion(const CLI::App& app);

// gpt-oss-node(1) as roff.
std::string man_page(const CLI::App& app);

}  // namespace gptoss::cli

// What the command line says about words it does not know.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace gptoss::cli {

// The message for people, with the nearest subcommand or flag where one is near: "there is no subcommand serv: did you mean
// serve?". For errors other than an unknown word CLI11's own message. `app` is the one whose parsing threw `problem`.
std::string usage_error_text(const CLI::App& app, const CLI::ParseError& problem);

}  // namespace gptoss::cli

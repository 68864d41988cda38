// `receipt form`: what a replay needs besides the reply, made from the request.
#pragma once

#include <CLI/CLI.hpp>

namespace gptoss::cli {

void add_receipt_form(CLI::App& receipt, int& exit_code);

}  // namespace gptoss::cli

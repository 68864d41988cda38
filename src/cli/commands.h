// Every subcommand adds itself to the command line here; its callback returns through `exit_code`.
#pragma once

#include <CLI/CLI.hpp>

namespace gptoss::cli {

void add_completion(CLI::App& app, int& exit_code);
void add_plan(CLI::App& app, int& exit_code);
void add_bench(CLI::App& app, int& exit_code);
void add_logits(CLI::App& app, int& exit_code);
#if defined(GPTOSS_HAS_SERVER)
void add_bench_serve(CLI::App& bench, int& exit_code);
void add_serve(CLI::App& app, int& exit_code);
void add_check(CLI::App& app, int& exit_code);
void add_qualify(CLI::App& app, int& exit_code);
void add_top(CLI::App& app, int& exit_code);
void add_chat(CLI::App& app, int& exit_code);
void add_tokenize(CLI::App& app, int& exit_code);
void add_render(CLI::App& app, int& exit_code);
void add_verify(CLI::App& app, int& exit_code);
void add_register(CLI::App& app, int& exit_code);
void add_node_models(CLI::App& app, int& exit_code);
void add_price(CLI::App& app, int& exit_code);
void add_earnings(CLI::App& app, int& exit_code);
void add_s5(CLI::App& app, int& exit_code);
void add_receipt(CLI::App& app, int& exit_code);
void add_verify_host(CLI::App& app, int& exit_code);
void add_download(CLI::App& app, int& exit_code);
#endif

}  // namespace gptoss::cli

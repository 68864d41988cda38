#include "cli/usage_error.h"

#include <vector>

#include "base/nearest_name.h"

namespace gptoss::cli {
namespace {

std::vector<std::string> subcommand_names_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; }))
        if (!each->get_group().empty()) names.push_back(each->get_name());
    return names;
}

std::vector<std::string> flag_names_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options())
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    return names;
}

std::string unknown_word_text(const CLI::App& app, const std::string& command, const std::string& word) {
    const bool is_flag = word.starts_with('-');
    const std::string name = is_flag ? word.substr(0, word.find('=')) : word;
    const std::vector<std::string> known = is_flag ? flag_names_of(app) : subcommand_names_of(app);
    std::string text = is_flag         ? command + " has no flag " + name
                       : known.empty() ? command + " does not take the word \"" + name + "\""
                                       : "there is no subcommand " + name;
    if (const auto nearest = nearest_name(name, known)) text += ": did you mean " + *nearest + "?";
    return text + "\n`" + command + " --help` lists " +
           (known.empty() || is_flag ? "what it takes." : "them.");
}

}  // namespace

std::string usage_error_text(const CLI::App& app, const CLI::ParseError& problem) {
    const CLI::App* deepest = &app;
    std::string command = "gpt-oss-node";
    for (;;) {
        const std::vector<std::string> unknown = deepest->remaining();
        // Everything after an unknown word is left over too: the first one is to blame.
        if (!unknown.empty()) return unknown_word_text(*deepest, command, unknown.front());
        const std::vector<CLI::App*> chosen = deepest->get_subcommands();
        if (chosen.empty()) break;
        deepest = chosen.front();
        command += " " + deepest->get_name();
    }
    return std::string(problem.what()) + "\n`" + command + " --help` lists what it takes.";
}

}  // namespace gptoss::cli

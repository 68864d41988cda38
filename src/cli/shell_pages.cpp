#include "cli/shell_pages.h"

#include <vector>

namespace gptoss::cli {
namespace {

std::vector<const CLI::App*> shown_subcommands(const CLI::App& app) {
    std::vector<const CLI::App*> shown;
    for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; }))
        if (!each->get_group().empty()) shown.push_back(each);
    return shown;
}

struct Flag {
    std::string name;  // "--port"
    std::string text;  // what it does
    bool takes_value = false;
};

// Of the subcommand and of its groups and subcommands, in order.
void add_flags(const CLI::App& app, std::vector<Flag>& flags) {
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_group().empty()) continue;
        for (const std::string& name : option->get_lnames())
            flags.push_back({"--" + name, option->get_description(), option->get_type_size() != 0});
    }
    for (const CLI::App* group : app.get_subcommands([](const CLI::App*) { return true; }))
        add_flags(*group, flags);
}

std::vector<Flag> flags_of(const CLI::App& app) {
    std::vector<Flag> flags;
    add_flags(app, flags);
    return flags;
}

std::string first_sentence(const std::string& text) {
    return text.substr(0, text.find(". "));
}

// In single quotes for a shell.
std::string quoted(const std::string& text) {
    std::string result = "'";
    for (const char each : text) result += each == '\'' ? "'\\''" : std::string(1, each);
    return result + "'";
}

// Colons separate a name from its text there.
std::string zsh_entry(const std::string& name, const std::string& text) {
    std::string escaped;
    for (const char each : first_sentence(text)) escaped += each == ':' ? "\\:" : std::string(1, each);
    return quoted(name + ":" + escaped);
}

// Backslashes and leading dots mean something to roff.
std::string roff(const std::string& text) {
    std::string result;
    for (const char each : text) {
        if (each == '\\')
            result += "\\e";
        else if (each == '-')
            result += "\\-";
        else if ((each == '.' || each == '\'') && (result.empty() || result.back() == '\n'))
            result += std::string("\\&") + each;
        else
            result += each;
    }
    return result;
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
    std::string commands, cases;
    for (const CLI::App* command : shown_subcommands(app)) {
        commands += " " + command->get_name();
        cases += "        " + command->get_name() + ") flags='";
        for (const CLI::App* nested : shown_subcommands(*command)) cases += nested->get_name() + " ";
        for (const Flag& flag : flags_of(*command)) cases += flag.name + " ";
        cases += "' ;;\n";
    }
    return "# bash completion of gpt-oss-node, written by `gpt-oss-node completion bash`\n"
           "_gpt_oss_node() {\n"
           "    local word=\"${COMP_WORDS[COMP_CWORD]}\" flags=''\n"
           "    case \"${COMP_WORDS[1]}\" in\n" +
           cases +
           "    esac\n"
           "    [ \"$COMP_CWORD\" -eq 1 ] && flags='" +
           commands.substr(commands.empty() ? 0 : 1) +
           " --help --version'\n"
           "    # Without a match bash completes file names.\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$flags\" -- \"$word\")\n"
           "}\n"
           "complete -o default -F _gpt_oss_node gpt-oss-node\n";
}

std::string zsh_completion(const CLI::App& app) {
    std::string commands, cases;
    for (const CLI::App* command : shown_subcommands(app)) {
        commands += "            " + zsh_entry(command->get_name(), command->get_description()) + "\n";
        cases += "        " + command->get_name() + ") flags=(\n";
        for (const Flag& flag : flags_of(*command))
            cases += "            " + zsh_entry(flag.name, flag.text) + "\n";
        cases += "        ) ;;\n";
    }
    return "#compdef gpt-oss-node\n"
           "# Written by `gpt-oss-node completion zsh`.\n"
           "_gpt_oss_node() {\n"
           "    local -a commands flags\n"
           "    if (( CURRENT == 2 )); then\n"
           "        commands=(\n" +
           commands +
           "        )\n"
           "        _describe command commands\n"
           "        return\n"
           "    fi\n"
           "    case $words[2] in\n" +
           cases +
           "    esac\n"
           "    if [[ $PREFIX == -* ]]; then _describe flag flags; else _files; fi\n"
           "}\n"
           "_gpt_oss_node \"$@\"\n";
}

std::string fish_completion(const CLI::App& app) {
    std::string text = "# Written by `gpt-oss-node completion fish`.\n";
    for (const CLI::App* command : shown_subcommands(app)) {
        const std::string start = "complete -c gpt-oss-node -n ";
        text += start + "__fish_use_subcommand -f -a " + command->get_name() + " -d " +
                quoted(first_sentence(command->get_description())) + "\n";
        for (const Flag& flag : flags_of(*command))
            text += start + "'__fish_seen_subcommand_from " + command->get_name() + "' -l " +
                    flag.name.substr(2) + (flag.takes_value ? " -r" : "") + " -d " +
                    quoted(first_sentence(flag.text)) + "\n";
    }
    return text;
}

std::string man_page(const CLI::App& app) {
    std::string text =
        ".\\\" Written by `gpt-oss-node completion man`.\n"
        ".TH GPT\\-OSS\\-NODE 1 \"\" \"gpt\\-oss\\-node " GPTOSS_VERSION
        "\" \"User Commands\"\n"
        ".SH NAME\ngpt\\-oss\\-node \\- serve OpenAI's gpt\\-oss models from one GPU or CPU\n"
        ".SH SYNOPSIS\n.B gpt\\-oss\\-node\n.I COMMAND\n[\\fIOPTION\\fR]...\n"
        ".SH DESCRIPTION\n"
        "Serves gpt\\-oss\\-120b and gpt\\-oss\\-20b over HTTP with the OpenAI API, and looks after their "
        "weights.\n"
        "\\fBgpt\\-oss\\-node\\fR \\fICOMMAND\\fR \\fB\\-\\-help\\fR explains each command.\n"
        ".SH COMMANDS\n";
    for (const CLI::App* command : shown_subcommands(app)) {
        text += ".SS " + roff(command->get_name()) + "\n" + roff(command->get_description()) + ".\n";
        for (const CLI::App* nested : shown_subcommands(*command))
            text += ".TP\n.B " + roff(nested->get_name()) + "\n" + roff(nested->get_description()) + "\n";
        for (const Flag& flag : flags_of(*command))
            text += ".TP\n\\fB" + roff(flag.name) + "\\fR" + (flag.takes_value ? " \\fIVALUE\\fR" : "") +
                    "\n" + roff(flag.text) + "\n";
    }
    return text +
           ".SH ENVIRONMENT\nEvery setting of \\fBserve\\fR is also an environment variable; its name stands "
           "in brackets.\n"
           ".SH FILES\n.TP\n.I /etc/gpt\\-oss\\-node/settings.env\nSettings of the service, as NAME=VALUE "
           "lines.\n"
           ".TP\n.I ~/.local/state/gpt\\-oss\\-node/chat_history\nWhat was asked in \\fBchat\\fR.\n"
           ".SH SEE ALSO\nThe documents in /usr/share/doc/gpt\\-oss\\-node.\n";
}

}  // namespace gptoss::cli

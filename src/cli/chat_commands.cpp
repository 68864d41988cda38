#include "cli/chat_commands.h"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "base/nearest_name.h"

namespace gptoss::cli {
namespace {

const std::vector<std::string> kCommands = {"/help", "/effort", "/new", "/save", "/quit"};

void say(const std::string& text) {
    std::fprintf(stderr, "%s\n", text.c_str());
}

void help() {
    say("/effort low|medium|high   how long the model thinks before it answers\n"
        "/new                      begin a new conversation; the model forgets this one\n"
        "/save FILE                write the conversation: FILE.json as messages, otherwise as Markdown\n"
        "/quit                     leave, as Ctrl-D does\n"
        "Ctrl-C stops an answer and keeps what came of it. A line that ends in \\ goes on in the next one.");
}

void set_effort(Chat& chat, const std::string& effort) {
    if (effort == "low" || effort == "medium" || effort == "high") {
        chat.effort = effort;
        say("effort: " + effort);
    } else {
        say("/effort takes low, medium or high (now " + chat.effort + ")");
    }
}

void save(const Chat& chat, const std::string& name) {
    if (name.empty()) return say("/save takes the name of a file: /save talk.md, or /save talk.json");
    if (chat.turns.empty()) return say("there is nothing to save yet");
    std::ofstream file(name);
    file << (name.ends_with(".json") ? chat_as_json(chat) : chat_as_markdown(chat));
    say(file.flush() ? "saved " + std::to_string(chat.turns.size()) + " question(s) and answers to " + name
                     : "cannot write " + name);
}

}  // namespace

std::string chat_as_markdown(const Chat& chat) {
    std::string text;
    for (const ChatTurn& turn : chat.turns)
        text += "**You:** " + turn.question + "\n\n" + turn.answer + "\n\n";
    return text;
}

std::string chat_as_json(const Chat& chat) {
    nlohmann::ordered_json messages = nlohmann::ordered_json::array();
    if (!chat.system.empty()) messages.push_back({{"role", "system"}, {"content", chat.system}});
    for (const ChatTurn& turn : chat.turns) {
        messages.push_back({{"role", "user"}, {"content", turn.question}});
        messages.push_back({{"role", "assistant"}, {"content", turn.answer}});
    }
    // What was typed may be no UTF-8.
    return messages.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

AfterCommand run_chat_command(const std::string& line, Chat& chat) {
    std::istringstream words(line);
    std::string command, argument;
    words >> command >> std::ws;
    std::getline(words, argument);
    while (argument.ends_with(' ')) argument.pop_back();
    if (command == "/quit" || command == "/exit") return AfterCommand::leave;
    if (command == "/help" || command == "/?") {
        help();
    } else if (command == "/effort") {
        set_effort(chat, argument);
    } else if (command == "/new") {
        chat.turns.clear();
        say("a new conversation");
    } else if (command == "/save") {
        save(chat, argument);
    } else {
        const auto nearest = nearest_name(command, kCommands);
        say("there is no command " + command + (nearest ? ": did you mean " + *nearest + "?" : "") +
            " /help lists them. (To send a line that begins with a slash, put a blank before it.)");
    }
    return AfterCommand::go_on;
}

}  // namespace gptoss::cli

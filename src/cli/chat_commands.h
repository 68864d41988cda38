// What begins with a slash in a `chat`: commands to the program instead of questions to the model.
#pragma once

#include <string>

#include "cli/chat_partner.h"

namespace gptoss::cli {

enum class AfterCommand { go_on, leave };

// Carries `line` ("/effort high") out on the chat and says on stderr what it did, or what is wrong. Never throws for
// what was typed.
AfterCommand run_chat_command(const std::string& line, Chat& chat);

// The conversation for people and for programs: Markdown, or for a name that ends in .json the messages of a chat completion.
std::string chat_as_markdown(const Chat& chat);
std::string chat_as_json(const Chat& chat);

}  // namespace gptoss::cli

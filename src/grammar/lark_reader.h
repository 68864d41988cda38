// The text of a Lark grammar -> its rules and terminals, as trees. Names are not looked up here.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/pattern_tree.h"

namespace gptoss::grammar {

// What is wrong with a grammar and on which line, in words that go into a message to the client.
struct LarkError : std::runtime_error {
    LarkError(int line, const std::string& why)
        : std::runtime_error("line " + std::to_string(line) + ": " + why) {}
};

struct LarkNode {
    enum class Kind { choice, sequence, repeat, name, pattern };
    Kind kind = Kind::sequence;
    std::vector<LarkNode> parts = {};
    std::string text = {};              // name: of a rule or terminal
    Pattern pattern = {};               // texts, ranges, regular expressions
    std::uint32_t least = 1, most = 1;  // repeat; kEndless = without end
    int line = 0;
};

struct LarkGrammar {
    std::map<std::string, LarkNode> definitions;  // rules in small letters, terminals in capitals
    std::vector<LarkNode> ignored;
};

// Throws LarkError, PatternError and BudgetExceeded.
LarkGrammar read_lark(std::string_view text);

// A name that begins with a capital, underscores aside.
bool is_terminal_name(std::string_view name);

}  // namespace gptoss::grammar

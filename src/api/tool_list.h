// Tools as they are read from a request: each under a name of its own that a model can say.
#pragma once

#include <string>
#include <vector>

#include "api/json_reader.h"
#include "harmony/message.h"

namespace gptoss::api {

// Throws Error(request_invalid) naming `path`.
void check_tool_name(const std::string& name, const std::string& path);

// Adds a tool; `path` is the entry's own. Throws Error(request_invalid) for a name that cannot be one or is
// there already, and for more tools than a request may have.
void append_tool(std::vector<harmony::Tool>& tools, harmony::Tool tool, const std::string& path);

// Where the grammar of a custom tool stands.
enum class GrammarPlace {
    in_format,          // Responses: format.syntax
    in_format_grammar,  // chat completions: format.grammar.syntax
};

// A custom tool takes any text, or one that follows a grammar. `tool` holds `format`.
void read_custom_tool(const Fields& tool, GrammarPlace place, harmony::Tool& offered);

}  // namespace gptoss::api

#include "api/tool_list.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "api/json_reader.h"
#include "base/limits.h"

namespace gptoss::api {

namespace {

bool may_stand_in_tool_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-.:/").find(c) != std::string_view::npos;
}

}  // namespace

void check_tool_name(const std::string& name, const std::string& path) {
    if (!name.empty() && name.size() <= limits::kToolNameBytes &&
        std::ranges::all_of(name, may_stand_in_tool_name))
        return;
    refuse_field(path, "must be 1 to " + std::to_string(limits::kToolNameBytes) +
                           " of the characters a-z A-Z 0-9 _ - . : /");
}

void append_tool(std::vector<harmony::Tool>& tools, harmony::Tool tool, const std::string& path) {
    check_tool_name(tool.name, path + ".name");
    const auto same_name = [&](const harmony::Tool& other) { return other.name == tool.name; };
    if (std::ranges::any_of(tools, same_name))
        refuse_field(path + ".name", "\"" + tool.name + "\" is given twice.");
    if (tools.size() == limits::kTools)
        refuse_field("tools", "may have at most " + std::to_string(limits::kTools) + " tools.");
    tools.push_back(std::move(tool));
}

void read_custom_tool(const Fields& tool, GrammarPlace place, harmony::Tool& offered) {
    offered.custom = true;
    const auto format = tool.find_object("format");
    if (!format) return;
    const std::string type = format->text("type");
    if (type == "text") return;
    if (type != "grammar")
        refuse_field(format->path("type"), "must be text or grammar, not \"" + type + "\".");
    const auto given = place == GrammarPlace::in_format ? format : format->find_object("grammar");
    if (!given) refuse_field(format->path("grammar"), "is required and must be an object.");
    const Fields& grammar = *given;
    const std::string syntax = grammar.text("syntax");
    if (syntax != "lark" && syntax != "regex")
        refuse_field(grammar.path("syntax"), "must be lark or regex, not \"" + syntax + "\".");
    using Syntax = harmony::ToolGrammar::Syntax;
    offered.grammar = {syntax == "lark" ? Syntax::lark : Syntax::regex, grammar.text("definition")};
    offered.param = grammar.path("definition");
}

}  // namespace gptoss::api

#include "api/reply_form.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>

#include "api/json_reader.h"

namespace gptoss::api {
namespace {

using harmony::FinalFormat;
using harmony::Tool;
using harmony::ToolGrammar;
using harmony::ToolUse;

// In the order of the enumerations.
constexpr std::array<std::string_view, 4> kToolUses{"none", "auto", "required", "named"};
constexpr std::array<std::string_view, 3> kFinalFormats{"text", "json_object", "json_schema"};
constexpr std::array<std::string_view, 2> kSyntaxes{"regex", "lark"};

template <class Choice, std::size_t kCount>
std::string_view spelled(Choice choice, const std::array<std::string_view, kCount>& names) {
    return names.at(static_cast<std::size_t>(choice));
}

template <class Choice, std::size_t kCount>
Choice choice_of(const Fields& fields, std::string_view field,
                 const std::array<std::string_view, kCount>& names) {
    const auto* name = std::ranges::find(names, fields.text(field));
    if (name == names.end()) refuse_field(fields.path(field), "is none of the values it may have.");
    return static_cast<Choice>(name - names.begin());
}

Json tool_json(const Tool& tool) {
    Json json{{"name", tool.name}, {"description", tool.description}};
    if (!tool.custom) {
        json["parameters"] = tool.parameters;
        json["strict"] = tool.strict;
        return json;
    }
    json["custom"] = true;
    if (tool.grammar)
        json["grammar"] = {{"syntax", spelled(tool.grammar->syntax, kSyntaxes)},
                           {"definition", tool.grammar->definition}};
    return json;
}

Tool read_form_tool(const Fields& fields) {
    Tool tool;
    tool.name = fields.text("name");
    tool.description = fields.text("description");
    if (const Json* parameters = fields.find("parameters")) tool.parameters = *parameters;
    tool.strict = fields.find_boolean("strict").value_or(false);
    tool.custom = fields.find_boolean("custom").value_or(false);
    if (const auto grammar = fields.find_object("grammar"))
        tool.grammar = {choice_of<ToolGrammar::Syntax>(*grammar, "syntax", kSyntaxes),
                        grammar->text("definition")};
    return tool;
}

Json tools_json(const ReplyForm& form) {
    Json tools = Json::array();
    std::ranges::transform(form.rules.tools, std::back_inserter(tools), tool_json);
    return tools;
}

Json rules_json(const harmony::ConstraintOptions& rules) {
    Json json{{"tool_use", spelled(rules.tool_use, kToolUses)}};
    if (rules.tool_use == ToolUse::named) json["function"] = rules.named_function;
    if (rules.max_reasoning_tokens) json["max_reasoning_tokens"] = *rules.max_reasoning_tokens;
    json["output"] = spelled(rules.final_format, kFinalFormats);
    if (rules.final_format == FinalFormat::json_schema) {
        json["schema"] = rules.final_schema;
        json["strict"] = rules.final_strict;
    }
    return json;
}

void read_rules(const Fields& fields, harmony::ConstraintOptions& rules) {
    rules.tool_use = choice_of<ToolUse>(fields, "tool_use", kToolUses);
    rules.named_function = fields.find_text("function").value_or("");
    constexpr std::int64_t kMostReasoningTokens = std::numeric_limits<std::int32_t>::max();
    if (const auto tokens = fields.find_integer("max_reasoning_tokens", 0, kMostReasoningTokens))
        rules.max_reasoning_tokens = static_cast<std::int32_t>(*tokens);
    rules.final_format = choice_of<FinalFormat>(fields, "output", kFinalFormats);
    if (const Json* schema = fields.find("schema")) rules.final_schema = *schema;
    rules.final_strict = fields.find_boolean("strict").value_or(true);
}

}  // namespace

std::string form_text(const ReplyForm& form) {
    Json json{{"reply", form.harmony ? "harmony" : "raw"}, {"stop", form.stop}};
    if (form.harmony) {
        json["tools"] = tools_json(form);
        json["parallel_calls"] = form.rules.parallel_calls;
    }
    if (form.constrained) json["rules"] = rules_json(form.rules);
    return to_text(json);
}

std::string tools_text(const ReplyForm& form) {
    return form.rules.tools.empty() ? "" : to_text(tools_json(form));
}

ReplyForm read_form(std::string_view text) {
    const Json json = parse_json(text);
    const Fields fields(json, "");
    ReplyForm form;
    constexpr std::array<std::string_view, 2> kReadings{"raw", "harmony"};
    form.harmony = choice_of<bool>(fields, "reply", kReadings);
    for (const Json& stop : fields.array("stop")) {
        if (!stop.is_string()) refuse_field("stop", "must list strings.");
        form.stop.push_back(stop.get<std::string>());
    }
    if (!form.harmony) return form;
    for (const Json& tool : fields.array("tools"))
        form.rules.tools.push_back(read_form_tool({tool, "tools[]"}));
    form.rules.parallel_calls = fields.find_boolean("parallel_calls").value_or(false);
    const auto rules = fields.find_object("rules");
    form.constrained = rules.has_value();
    if (rules) read_rules(*rules, form.rules);
    return form;
}

}  // namespace gptoss::api

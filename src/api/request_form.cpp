#include "api/request_form.h"

#include <algorithm>

namespace gptoss::api {
namespace {

harmony::ToolUse tool_use(ToolChoice::Mode mode) {
    switch (mode) {
        case ToolChoice::Mode::none:
            return harmony::ToolUse::none;
        case ToolChoice::Mode::automatic:
            return harmony::ToolUse::automatic;
        case ToolChoice::Mode::required:
            return harmony::ToolUse::required;
        case ToolChoice::Mode::named:
            return harmony::ToolUse::named;
    }
    return harmony::ToolUse::automatic;
}

}  // namespace

std::vector<harmony::Tool> callable_tools(const GenerationIntent& intent) {
    const auto& allowed = intent.tool_choice.allowed;
    std::vector<harmony::Tool> tools;
    for (const harmony::Tool& tool : intent.conversation.tools) {
        if (!allowed || std::ranges::find(*allowed, tool.name) != allowed->end()) tools.push_back(tool);
    }
    return tools;
}

ReplyForm form_of(const GenerationIntent& intent, bool constrained) {
    ReplyForm form;
    form.harmony = !intent.is_raw();
    form.stop = intent.generation.stop;
    if (!form.harmony) return form;
    form.constrained = constrained && intent.constrained;
    harmony::ConstraintOptions& rules = form.rules;
    rules.tools = callable_tools(intent);
    rules.parallel_calls = intent.parallel_tool_calls;
    rules.tool_use = tool_use(intent.tool_choice.mode);
    rules.named_function = intent.tool_choice.name;
    rules.max_reasoning_tokens = intent.max_reasoning_tokens;
    if (intent.output_format == OutputFormat::json_object)
        rules.final_format = harmony::FinalFormat::json_object;
    if (intent.output_format == OutputFormat::json_schema) {
        rules.final_format = harmony::FinalFormat::json_schema;
        rules.final_schema = intent.conversation.response_format->schema;
        rules.final_strict = intent.strict_schema;
        rules.final_param = intent.schema_field;
    }
    return form;
}

}  // namespace gptoss::api

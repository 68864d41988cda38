#include "api/messages_request.h"

#include <algorithm>
#include <limits>

#include "api/chat_request.h"
#include "api/messages_input.h"
#include "api/tool_list.h"

namespace gptoss::api {

namespace {

constexpr std::int64_t kMostMaxTokens = std::numeric_limits<std::int32_t>::max();

void read_tools(const Fields& request, MessagesRequest& result) {
    const Json* list = request.find_array("tools");
    if (list == nullptr) return;
    for (std::size_t i = 0; i < list->size(); ++i) {
        const Fields entry((*list)[i], "tools." + std::to_string(i));
        const std::string type = entry.find_text("type").value_or("custom");
        if (type != "custom") {
            result.left_out_tools.push_back(type);
            continue;
        }
        harmony::Tool tool;
        tool.name = entry.text("name");
        tool.description = entry.find_text("description").value_or("");
        if (const auto schema = entry.find_object("input_schema")) tool.parameters = schema->json();
        tool.strict = entry.find_boolean("strict").value_or(false);
        append_tool(result.conversation.tools, std::move(tool), "tools." + std::to_string(i));
    }
}

// Whether a tool of that name was left out because the node cannot do what it does.
bool is_left_out(const Fields& request, const std::string& name) {
    const Json& list = request.array("tools");
    return std::ranges::any_of(list, [&](const Json& entry) {
        const Fields tool(entry, "tools");
        return tool.find_text("type").value_or("custom") != "custom" && tool.find_text("name") == name;
    });
}

void read_tool_choice(const Fields& request, MessagesRequest& result) {
    const auto choice = request.find_object("tool_choice");
    if (!choice) return;
    const std::string type = choice->text("type");
    const auto& tools = result.conversation.tools;
    using Mode = ToolChoice::Mode;
    if (type == "any") {
        if (!tools.empty()) {
            result.tool_choice.mode = Mode::required;
        } else if (result.left_out_tools.empty()) {
            refuse_field("tool_choice", "is \"any\", but no tools are given.");
        }
    } else if (type == "tool") {
        const std::string name = choice->text("name");
        if (std::ranges::find(tools, name, &harmony::Tool::name) != tools.end()) {
            result.tool_choice.name = name;
            result.tool_choice.mode = Mode::named;
        } else if (result.left_out_tools.empty() || !is_left_out(request, name)) {
            refuse_field("tool_choice.name", "\"" + name + "\" is not among the tools.");
        }
    } else if (type == "none") {
        result.tool_choice.mode = Mode::none;
        result.tool_choice.allowed.emplace();
    } else if (type != "auto") {
        refuse_field("tool_choice.type", "must be auto, any, tool or none, not \"" + type + "\".");
    }
    // gpt-oss was trained to wait for the result of each call: only who says that it may, gets several.
    result.parallel_tool_calls = !choice->find_boolean("disable_parallel_tool_use").value_or(true);
}

void read_thinking(const Fields& request, MessagesRequest& result) {
    const auto thinking = request.find_object("thinking");
    if (!thinking) return;
    const std::string type = thinking->text("type");
    if (type == "disabled") return;
    if (type != "enabled" && type != "adaptive")
        refuse_field("thinking.type", "must be enabled, adaptive or disabled, not \"" + type + "\".");
    const bool omitted = thinking->find_text("display") == "omitted";
    result.thinking = omitted ? ThinkingShown::omitted : ThinkingShown::whole;
    if (const auto budget = thinking->find_integer("budget_tokens", 1, kMostMaxTokens))
        result.max_reasoning_tokens = static_cast<std::int32_t>(*budget);
}

// {"type": "json_schema", "schema"}: as output_config.format, or as output_format in an earlier beta.
void read_format(const std::optional<Fields>& format, MessagesRequest& result) {
    if (!format) return;
    if (const std::string type = format->text("type"); type != "json_schema")
        refuse_field(format->path("type"), "must be json_schema, not \"" + type + "\".");
    const auto schema = format->find_object("schema");
    if (!schema) refuse_field(format->path("schema"), "is required and must be an object.");
    result.output_format = OutputFormat::json_schema;
    result.conversation.response_format = harmony::ResponseFormat{"response", "", schema->json()};
}

void read_output_config(const Fields& request, MessagesRequest& result) {
    read_format(request.find_object("output_format"), result);
    const auto config = request.find_object("output_config");
    if (!config) return;
    if (const auto effort = config->find_text("effort"))
        result.conversation.effort = read_effort(*effort, "output_config.effort");
    read_format(config->find_object("format"), result);
}

void read_stop_sequences(const Fields& request, GenerationOptions& generation) {
    generation.stop = read_stop_strings(request, "stop_sequences");
}

}  // namespace

MessagesRequest read_messages_request(const Json& json, const MessagesInputOptions& options) {
    const Fields request(json, "");
    MessagesRequest result;
    result.model = request.find_text("model").value_or("");
    const auto max_tokens = request.find_integer("max_tokens", 1, kMostMaxTokens);
    if (!max_tokens && options.needs_max_tokens) refuse_field("max_tokens", "is required.");
    result.generation = read_generation_options(request);
    result.generation.choices = 1;
    if (max_tokens) result.generation.max_tokens = static_cast<std::int32_t>(*max_tokens);
    read_stop_sequences(request, result.generation);
    read_tools(request, result);
    read_tool_choice(request, result);
    read_thinking(request, result);
    read_output_config(request, result);
    read_messages_input(request, options, result.conversation);
    const Json& messages = request.array("messages");
    if (messages.back().value("role", "") == "assistant") {
        refuse_field("messages",
                     "must end with the user's message: gpt-oss cannot go on from the middle of "
                     "an answer.");
    }
    return result;
}

}  // namespace gptoss::api

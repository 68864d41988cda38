#include "api/chat_request.h"

#include <algorithm>
#include <limits>

#include "api/chat_messages.h"

namespace gptoss::api {

namespace {

constexpr std::size_t kLongestToolName = 128;

bool is_name(const std::string& name) {
    return !name.empty() && name.size() <= kLongestToolName &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      std::string_view("_-.:/").find(c) != std::string_view::npos;
           });
}

std::vector<harmony::Tool> read_tools(const Fields& request) {
    std::vector<harmony::Tool> tools;
    const Json* list = request.find_array("tools");
    if (list == nullptr) return tools;
    for (std::size_t i = 0; i < list->size(); ++i) {
        const Fields entry((*list)[i], "tools[" + std::to_string(i) + "]");
        if (const std::string type = entry.text("type"); type != "function") {
            refuse_field(entry.path("type"), "must be \"function\", not \"" + type + "\".");
        }
        const auto function = entry.find_object("function");
        if (!function) refuse_field(entry.path("function"), "is required and must be an object.");
        harmony::Tool tool;
        tool.name = function->text("name");
        if (!is_name(tool.name)) {
            refuse_field(function->path("name"), "must be 1 to 128 of the characters a-z A-Z 0-9 _ - . : /");
        }
        const auto same_name = [&](const harmony::Tool& other) { return other.name == tool.name; };
        if (std::any_of(tools.begin(), tools.end(), same_name)) {
            refuse_field(function->path("name"), "\"" + tool.name + "\" is given twice.");
        }
        tool.description = function->find_text("description").value_or("");
        if (const auto parameters = function->find_object("parameters")) tool.parameters = parameters->json();
        tool.strict = function->find_boolean("strict").value_or(false);
        tools.push_back(std::move(tool));
    }
    return tools;
}

ToolChoice read_tool_choice(const Fields& request, const std::vector<harmony::Tool>& tools) {
    const Json* choice = request.find("tool_choice");
    if (choice == nullptr) return {};
    ToolChoice result;
    if (choice->is_string()) {
        const auto mode = choice->get<std::string>();
        if (mode == "none") {
            result.mode = ToolChoice::Mode::none;
        } else if (mode == "required") {
            result.mode = ToolChoice::Mode::required;
        } else if (mode != "auto") {
            refuse_field("tool_choice", "must be none, auto, required or a function, not \"" + mode + "\".");
        }
    } else {
        const Fields fields(*choice, "tool_choice");
        if (const std::string type = fields.text("type"); type != "function") {
            refuse_field("tool_choice.type", "must be \"function\", not \"" + type + "\".");
        }
        const auto function = fields.find_object("function");
        if (!function) refuse_field("tool_choice.function", "is required and must be an object.");
        result.mode = ToolChoice::Mode::named;
        result.name = function->text("name");
        const auto has_name = [&](const harmony::Tool& tool) { return tool.name == result.name; };
        if (std::none_of(tools.begin(), tools.end(), has_name)) {
            refuse_field("tool_choice.function.name", "\"" + result.name + "\" is not among the tools.");
        }
    }
    if (result.mode == ToolChoice::Mode::required && tools.empty()) {
        refuse_field("tool_choice", "is \"required\", but no tools are given.");
    }
    return result;
}

OutputFormat read_response_format(const Fields& request, harmony::Conversation& conversation) {
    const auto format = request.find_object("response_format");
    if (!format) return OutputFormat::text;
    const std::string type = format->text("type");
    if (type == "text") return OutputFormat::text;
    if (type == "json_object") {
        conversation.response_format = harmony::ResponseFormat{"json_object", "", Json{{"type", "object"}}};
        return OutputFormat::json_object;
    }
    if (type != "json_schema") {
        refuse_field("response_format.type",
                     "must be text, json_object or json_schema, not \"" + type + "\".");
    }
    const auto wrapper = format->find_object("json_schema");
    if (!wrapper) refuse_field("response_format.json_schema", "is required and must be an object.");
    harmony::ResponseFormat result;
    result.name = wrapper->find_text("name").value_or("response");
    result.description = wrapper->find_text("description").value_or("");
    const Json* schema = wrapper->find("schema");
    // JSON schema allows `true` and `false`; anything else that is no object is a mistake.
    if (schema == nullptr)
        refuse_field("response_format.json_schema.schema", "is required and must be an object.");
    if (!schema->is_object()) {
        refuse_field("response_format.json_schema.schema",
                     "must be an object, not " + std::string(type_name(*schema)) + ".");
    }
    result.schema = *schema;
    conversation.response_format = std::move(result);
    return OutputFormat::json_schema;
}

void read_reasoning(const Fields& request, ChatRequest& result) {
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
    std::optional<std::int64_t> budget;
    if (const Json* reasoning = request.find("reasoning")) {
        const Fields fields(*reasoning, "reasoning");
        if (const auto effort = fields.find_text("effort")) {
            result.conversation.effort = read_effort(*effort, "reasoning.effort");
        }
        if (fields.find_boolean("exclude").value_or(false)) result.show_reasoning = false;
        budget = fields.find_integer("max_tokens", 0, kMost);
    }
    if (const auto effort = request.find_text("reasoning_effort")) {
        result.conversation.effort = read_effort(*effort, "reasoning_effort");
    }
    if (!request.find_boolean("include_reasoning").value_or(true)) result.show_reasoning = false;
    if (const auto given = request.find_integer("max_reasoning_tokens", 0, kMost)) budget = given;
    if (budget) result.max_reasoning_tokens = static_cast<std::int32_t>(*budget);
}

void read_logprobs(const Fields& request, GenerationOptions& generation) {
    const bool wanted = request.find_boolean("logprobs").value_or(false);
    const auto top = request.find_integer("top_logprobs", 0, kMostTopLogprobs);
    if (top && *top > 0 && !wanted) refuse_field("top_logprobs", "needs logprobs to be true.");
    if (wanted) generation.sampling.top_logprobs = static_cast<std::int32_t>(top.value_or(0));
}

}  // namespace

harmony::Effort read_effort(const std::string& text, const std::string& path) {
    if (text == "low" || text == "minimal" || text == "none") return harmony::Effort::low;
    if (text == "medium") return harmony::Effort::medium;
    if (text == "high" || text == "xhigh" || text == "max") return harmony::Effort::high;
    refuse_field(path, "must be low, medium or high (or none, minimal, xhigh, max), not \"" + text + "\".");
}

std::string_view to_string(harmony::Effort effort) {
    switch (effort) {
        case harmony::Effort::low:
            return "low";
        case harmony::Effort::medium:
            return "medium";
        case harmony::Effort::high:
            return "high";
    }
    return "medium";
}

ChatRequest read_chat_request(const Json& json, CallMemory* memory) {
    const Fields request(json, "");
    ChatRequest result;
    result.model = request.find_text("model").value_or("");
    const Json& messages = request.array("messages");
    if (messages.empty()) refuse_field("messages", "must hold at least one message.");
    read_messages(messages, "messages", memory, result.conversation);
    result.conversation.tools = read_tools(request);
    result.tool_choice = read_tool_choice(request, result.conversation.tools);
    if (result.tool_choice.mode == ToolChoice::Mode::none) result.conversation.tools.clear();
    result.parallel_tool_calls = request.find_boolean("parallel_tool_calls").value_or(false);
    result.output_format = read_response_format(request, result.conversation);
    read_reasoning(request, result);
    result.generation = read_generation_options(request);
    if (result.generation.max_tokens == 0) refuse_field("max_tokens", "must be at least 1.");
    read_logprobs(request, result.generation);
    return result;
}

harmony::Conversation conversation_from_chat_request(const Json& request, CallMemory* memory) {
    return read_chat_request(request, memory).conversation;
}

}  // namespace gptoss::api

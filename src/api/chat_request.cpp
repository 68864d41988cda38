#include "api/chat_request.h"

#include <algorithm>
#include <limits>

#include "api/chat_messages.h"
#include "api/tool_list.h"
#include "base/limits.h"

namespace gptoss::api {

namespace {

bool is_name(const std::string& name) {
    return !name.empty() && name.size() <= limits::kToolNameBytes &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      std::string_view("_-.:/").find(c) != std::string_view::npos;
           });
}

void read_function(const Fields& function, harmony::Tool& tool) {
    if (const auto parameters = function.find_object("parameters")) tool.parameters = parameters->json();
    tool.param = function.path("parameters");
    tool.strict = function.find_boolean("strict").value_or(false);
}

// `fields` is what stands under "function" or "custom".
void add_tool(const Fields& fields, bool is_custom, std::vector<harmony::Tool>& tools) {
    harmony::Tool tool;
    tool.name = fields.text("name");
    if (!is_name(tool.name))
        refuse_field(fields.path("name"), "must be 1 to 128 of the characters a-z A-Z 0-9 _ - . : /");
    const auto same_name = [&](const harmony::Tool& other) { return other.name == tool.name; };
    if (std::ranges::any_of(tools, same_name))
        refuse_field(fields.path("name"), "\"" + tool.name + "\" is given twice.");
    tool.description = fields.find_text("description").value_or("");
    is_custom ? read_custom_tool(fields, GrammarPlace::in_format_grammar, tool) : read_function(fields, tool);
    tools.push_back(std::move(tool));
}

std::vector<harmony::Tool> read_tools(const Fields& request) {
    std::vector<harmony::Tool> tools;
    const Json* list = request.find_array("tools");
    if (list == nullptr) return tools;
    if (list->size() > limits::kTools)
        refuse_field("tools", "may hold at most " + std::to_string(limits::kTools) + " tools.");
    for (std::size_t i = 0; i < list->size(); ++i) {
        const Fields entry((*list)[i], "tools[" + std::to_string(i) + "]");
        const std::string type = entry.text("type");
        if (type != "function" && type != "custom")
            refuse_field(entry.path("type"), "must be \"function\" or \"custom\", not \"" + type + "\".");
        const auto fields = entry.find_object(type);
        if (!fields) refuse_field(entry.path(type), "is required and must be an object.");
        add_tool(*fields, type == "custom", tools);
    }
    return tools;
}

// The name that {"type": "function", "function": {"name": …}} or the like means, which must be a tool's.
std::string read_tool_name(const Fields& choice, const std::vector<harmony::Tool>& tools) {
    const std::string type = choice.text("type");
    if (type != "function" && type != "custom")
        refuse_field(choice.path("type"), "must be \"function\" or \"custom\", not \"" + type + "\".");
    const auto fields = choice.find_object(type);
    if (!fields) refuse_field(choice.path(type), "is required and must be an object.");
    const std::string name = fields->text("name");
    const auto is_meant = [&](const harmony::Tool& tool) {
        return tool.name == name && tool.custom == (type == "custom");
    };
    if (std::ranges::none_of(tools, is_meant))
        refuse_field(fields->path("name"), "\"" + name + "\" is not among the tools of this type.");
    return name;
}

ToolChoice::Mode read_mode(const std::string& mode, const std::string& path) {
    if (mode == "auto") return ToolChoice::Mode::automatic;
    if (mode == "required") return ToolChoice::Mode::required;
    refuse_field(path, "must be auto or required, not \"" + mode + "\".");
}

// Some of the tools, while the prompt goes on listing all of them.
ToolChoice read_allowed_tools(const Fields& allowed, const std::vector<harmony::Tool>& tools) {
    ToolChoice choice;
    choice.mode = read_mode(allowed.text("mode"), allowed.path("mode"));
    choice.allowed.emplace();
    const Json& list = allowed.array("tools");
    for (std::size_t i = 0; i < list.size(); ++i)
        choice.allowed->push_back(
            read_tool_name(Fields(list[i], allowed.path("tools") + "[" + std::to_string(i) + "]"), tools));
    if (list.empty() && choice.mode == ToolChoice::Mode::required)
        refuse_field(allowed.path("tools"), "is empty, but a call is required.");
    return choice;
}

ToolChoice read_tool_choice(const Fields& request, const std::vector<harmony::Tool>& tools) {
    const Json* choice = request.find("tool_choice");
    if (choice == nullptr) return {};
    ToolChoice result;
    if (choice->is_string()) {
        const auto mode = choice->get<std::string>();
        if (mode == "none") {
            result.mode = ToolChoice::Mode::none;
        } else if (mode == "auto" || mode == "required") {
            result.mode = read_mode(mode, "tool_choice");
        } else {
            refuse_field("tool_choice", "must be none, auto, required or a tool, not \"" + mode + "\".");
        }
    } else {
        const Fields fields(*choice, "tool_choice");
        if (fields.text("type") == "allowed_tools") {
            const auto allowed = fields.find_object("allowed_tools");
            if (!allowed) refuse_field("tool_choice.allowed_tools", "is required and must be an object.");
            result = read_allowed_tools(*allowed, tools);
        } else {
            result.mode = ToolChoice::Mode::named;
            result.name = read_tool_name(fields, tools);
        }
    }
    if (result.mode == ToolChoice::Mode::required && tools.empty())
        refuse_field("tool_choice", "is \"required\", but no tools are given.");
    return result;
}

// `functions` and `function_call`, the forerunners of tools and tool_choice. False when there are none.
bool read_legacy_functions(const Fields& request, ChatRequest& result) {
    const Json* list = request.find_array("functions");
    const Json* call = request.find("function_call");
    if (list == nullptr) {
        if (call != nullptr && *call != "none" && *call != "auto")
            refuse_field("function_call", "needs functions.");
        return false;
    }
    if (request.find("tools") != nullptr)
        refuse_field("functions", "is the forerunner of tools: give one of the two.");
    if (list->size() > limits::kTools)
        refuse_field("functions", "may hold at most " + std::to_string(limits::kTools) + " functions.");
    std::vector<harmony::Tool>& tools = result.conversation.tools;
    for (std::size_t i = 0; i < list->size(); ++i)
        add_tool(Fields((*list)[i], "functions[" + std::to_string(i) + "]"), false, tools);
    if (call == nullptr || *call == "auto") return true;
    if (*call == "none") {
        result.tool_choice.mode = ToolChoice::Mode::none;
        return true;
    }
    if (!call->is_object())
        refuse_field("function_call", "must be none, auto or a function's name in an object.");
    result.tool_choice.mode = ToolChoice::Mode::named;
    result.tool_choice.name = Fields(*call, "function_call").text("name");
    const auto is_named = [&](const harmony::Tool& tool) { return tool.name == result.tool_choice.name; };
    if (std::ranges::none_of(tools, is_named))
        refuse_field("function_call.name", "\"" + result.tool_choice.name + "\" is not among the functions.");
    return true;
}

void read_response_format(const Fields& request, GenerationIntent& intent) {
    const auto format = request.find_object("response_format");
    if (!format) return;
    const std::string type = format->text("type");
    if (type == "text") return;
    if (type == "json_object") {
        // Other servers take a schema here.
        const auto schema = format->find_object("schema");
        intent.conversation.response_format =
            harmony::ResponseFormat{"json_object", "", schema ? schema->json() : Json{{"type", "object"}}};
        intent.output_format = schema ? OutputFormat::json_schema : OutputFormat::json_object;
        intent.schema_field = format->path("schema");
        return;
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
    const auto schema = wrapper->find_object("schema");
    result.schema = schema ? schema->json() : Json::object();  // any JSON
    intent.strict_schema = wrapper->find_boolean("strict").value_or(false);
    intent.schema_field = wrapper->path("schema");
    intent.output_format = OutputFormat::json_schema;
    intent.conversation.response_format = std::move(result);
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
    if (messages.size() > limits::kMessages)
        refuse_field("messages", "may hold at most " + std::to_string(limits::kMessages) + " messages.");
    read_messages(messages, "messages", memory, result.conversation);
    result.legacy_functions = read_legacy_functions(request, result);
    if (!result.legacy_functions) {
        result.conversation.tools = read_tools(request);
        result.tool_choice = read_tool_choice(request, result.conversation.tools);
    }
    if (result.tool_choice.mode == ToolChoice::Mode::none) result.conversation.tools.clear();
    // A message has room for one function_call.
    result.parallel_tool_calls =
        request.find_boolean("parallel_tool_calls").value_or(false) && !result.legacy_functions;
    read_response_format(request, result);
    read_reasoning(request, result);
    result.generation = read_generation_options(request);
    if (result.generation.max_tokens == 0) refuse_field("max_tokens", "must be at least 1.");
    read_logprobs(request, result.generation);
    result.ignored_fields = ignored_fields(request);
    return result;
}

harmony::Conversation conversation_from_chat_request(const Json& request, CallMemory* memory) {
    return read_chat_request(request, memory).conversation;
}

}  // namespace gptoss::api

#include "api/chat_messages.h"

#include "api/history.h"

namespace gptoss::api {

namespace {

// OpenAI's arguments are text; some clients send the parsed object back.
std::string read_arguments(const Fields& function) {
    const Json* arguments = function.find("arguments");
    if (arguments == nullptr) return {};
    if (arguments->is_string()) return arguments->get<std::string>();
    if (arguments->is_object()) return to_text(*arguments);
    refuse_field(function.path("arguments"),
                 "must be a string of JSON, not " + std::string(type_name(*arguments)) + ".");
}

PastCall read_call(const Fields& call) {
    const std::string type = call.find_text("type").value_or("function");
    if (type != "function" && type != "custom") {
        refuse_field(call.path("type"), "must be \"function\" or \"custom\", not \"" + type + "\".");
    }
    const auto tool = call.find_object(type);
    if (!tool) refuse_field(call.path(type), "is required and must be an object.");
    PastCall past;
    past.id = call.find_text("id").value_or("");
    past.name = tool->text("name");
    past.is_custom = type == "custom";
    past.input = past.is_custom ? tool->find_text("input").value_or("") : read_arguments(*tool);
    return past;
}

std::vector<PastCall> read_calls(const Fields& message) {
    std::vector<PastCall> calls;
    if (const Json* list = message.find_array("tool_calls")) {
        for (std::size_t i = 0; i < list->size(); ++i)
            calls.push_back(
                read_call(Fields((*list)[i], message.path("tool_calls") + "[" + std::to_string(i) + "]")));
    }
    // The forerunner of tool_calls: one call, without an id.
    if (const auto call = message.find_object("function_call"); call && calls.empty())
        calls.push_back({"", call->text("name"), read_arguments(*call)});
    return calls;
}

void read_assistant(const Fields& message, HistoryBuilder& history) {
    auto reasoning = message.find_text("reasoning");
    if (!reasoning) reasoning = message.find_text("reasoning_content");
    std::string content = read_content(message);
    if (content.empty()) content = message.find_text("refusal").value_or("");
    history.add_assistant(reasoning, std::move(content), read_calls(message));
}

void read_tool_result(const Fields& message, HistoryBuilder& history) {
    const std::string id = message.find_text("tool_call_id").value_or("");
    if (!history.add_tool_result(id, message.find_text("name").value_or(""), read_content(message))) {
        refuse_field(message.path("tool_call_id"),
                     "\"" + id + "\" answers no tool call of an earlier assistant message.");
    }
}

void read_message(const Fields& message, HistoryBuilder& history) {
    const std::string role = message.text("role");
    if (role == "system" || role == "developer") {
        history.add_instructions(read_content(message));
    } else if (role == "user") {
        history.add_user(read_content(message));
    } else if (role == "assistant") {
        read_assistant(message, history);
    } else if (role == "tool") {
        read_tool_result(message, history);
    } else if (role == "function") {  // the forerunner of role tool
        history.add_tool_result("", message.text("name"), read_content(message));
    } else {
        refuse_field(message.path("role"),
                     "must be system, developer, user, assistant, tool or function, not \"" + role + "\".");
    }
}

}  // namespace

std::string read_content(const Fields& message) {
    const Json* content = message.find("content");
    if (content == nullptr) return {};
    if (content->is_string()) return content->get<std::string>();
    if (!content->is_array()) {
        refuse_field(message.path("content"),
                     "must be a string or an array of parts, not " + std::string(type_name(*content)) + ".");
    }
    std::string joined;
    for (std::size_t i = 0; i < content->size(); ++i) {
        const Fields part((*content)[i], message.path("content") + "[" + std::to_string(i) + "]");
        const std::string type = part.text("type");
        if (type == "refusal") {
            joined += part.text("refusal");
        } else if (type == "text" || type == "input_text" || type == "output_text") {
            joined += part.text("text");
        } else {
            refuse_field(part.path("type"), "is \"" + type + "\", but gpt-oss reads text only.");
        }
    }
    return joined;
}

void read_messages(const Json& messages, const std::string& path, CallMemory* memory,
                   harmony::Conversation& conversation) {
    HistoryBuilder history(memory, conversation);
    for (std::size_t i = 0; i < messages.size(); ++i)
        read_message(Fields(messages[i], path + "[" + std::to_string(i) + "]"), history);
    history.finish();
}

}  // namespace gptoss::api

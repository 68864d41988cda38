#include "api/chat_messages.h"

#include <iterator>
#include <unordered_map>

namespace gptoss::api {

namespace {

using harmony::Channel;
using harmony::Message;
using harmony::Role;

constexpr std::string_view kFunctions = "functions.";

Message said_by(Role role, std::string content, std::optional<Channel> channel = std::nullopt) {
    Message message;
    message.role = role;
    message.content = std::move(content);
    message.channel = channel;
    return message;
}

class MessageReader {
  public:
    MessageReader(CallMemory* memory, harmony::Conversation& conversation)
        : memory_(memory), conversation_(conversation) {}

    void read(const Fields& message) {
        const std::string role = message.text("role");
        if (role == "system" || role == "developer") {
            read_instructions(message);
        } else if (role == "user") {
            conversation_.messages.push_back(said_by(Role::user, read_content(message)));
        } else if (role == "assistant") {
            read_assistant(message);
        } else if (role == "tool") {
            read_tool_result(message);
        } else {
            refuse_field(message.path("role"),
                         "must be system, developer, user, assistant or tool, not \"" + role + "\".");
        }
    }

  private:
    // The identity line of the system message stays the model's own; what the client calls "system" is what
    // harmony calls the developer's instructions.
    void read_instructions(const Fields& message) {
        const std::string text = read_content(message);
        if (text.empty()) return;
        if (!conversation_.instructions.empty()) conversation_.instructions += "\n\n";
        conversation_.instructions += text;
    }

    void say(Channel channel, std::string text) {
        if (text.empty()) return;
        conversation_.messages.push_back(said_by(Role::assistant, std::move(text), channel));
    }

    void read_assistant(const Fields& message) {
        auto reasoning = message.find_text("reasoning");
        if (!reasoning) reasoning = message.find_text("reasoning_content");
        const Json* calls = message.find_array("tool_calls");
        const bool has_calls = calls != nullptr && !calls->empty();
        std::string content = read_content(message);
        if (content.empty()) content = message.find_text("refusal").value_or("");

        if (!has_calls) {
            say(Channel::analysis, reasoning.value_or(""));
            say(Channel::final, std::move(content));
            return;
        }
        // What the client left out comes before the calls, so they are read first and moved behind it.
        const std::size_t place = conversation_.messages.size();
        std::optional<RememberedCall> remembered;
        for (std::size_t i = 0; i < calls->size(); ++i) {
            auto call =
                read_call(Fields((*calls)[i], message.path("tool_calls") + "[" + std::to_string(i) + "]"));
            if (i == 0) remembered = std::move(call);
        }
        const auto first_call = conversation_.messages.begin() + static_cast<std::ptrdiff_t>(place);
        std::vector<Message> said_calls(std::make_move_iterator(first_call),
                                        std::make_move_iterator(conversation_.messages.end()));
        conversation_.messages.resize(place);
        if (remembered && !reasoning) reasoning = std::move(remembered->reasoning);
        if (remembered && content.empty()) content = std::move(remembered->preamble);
        say(Channel::analysis, reasoning.value_or(""));
        say(Channel::commentary, std::move(content));
        std::move(said_calls.begin(), said_calls.end(), std::back_inserter(conversation_.messages));
    }

    std::optional<RememberedCall> read_call(const Fields& call) {
        const auto function = call.find_object("function");
        if (!function) refuse_field(call.path("function"), "is required and must be an object.");
        const std::string name = function->text("name");
        const Json* arguments = function->find("arguments");
        // OpenAI's arguments are text; some clients send the parsed object back.
        if (arguments != nullptr && !arguments->is_string() && !arguments->is_object()) {
            refuse_field(function->path("arguments"),
                         "must be a string of JSON, not " + std::string(type_name(*arguments)) + ".");
        }
        std::string arguments_text;
        if (arguments != nullptr) {
            arguments_text = arguments->is_string() ? arguments->get<std::string>() : to_text(*arguments);
        }

        Message said = said_by(Role::assistant, arguments_text, Channel::commentary);
        said.recipient = std::string(kFunctions) + name;
        said.content_type = "json";
        std::optional<RememberedCall> remembered;
        if (const auto id = call.find_text("id")) {
            name_of_call_[*id] = name;
            if (memory_ != nullptr) remembered = memory_->recall(*id, name, arguments_text);
            if (remembered) said.sampled = remembered->sampled;
        }
        conversation_.messages.push_back(std::move(said));
        return remembered;
    }

    void read_tool_result(const Fields& message) {
        const std::string id = message.find_text("tool_call_id").value_or("");
        std::string name;
        if (const auto found = name_of_call_.find(id); found != name_of_call_.end()) {
            name = found->second;
        } else {
            name = message.find_text("name").value_or("");
        }
        if (name.empty()) {
            refuse_field(message.path("tool_call_id"),
                         "\"" + id + "\" answers no tool call of an earlier assistant message.");
        }
        Message result = said_by(Role::tool, read_content(message), Channel::commentary);
        result.name = std::string(kFunctions) + name;
        conversation_.messages.push_back(std::move(result));
    }

    CallMemory* memory_;
    harmony::Conversation& conversation_;
    std::unordered_map<std::string, std::string> name_of_call_;
};

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
    MessageReader reader(memory, conversation);
    for (std::size_t i = 0; i < messages.size(); ++i) {
        reader.read(Fields(messages[i], path + "[" + std::to_string(i) + "]"));
    }
}

}  // namespace gptoss::api

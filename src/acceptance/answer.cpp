#include "acceptance/answer.h"

namespace gptoss::acceptance {
namespace {

// gpt-oss's reasoning has two names among servers; some send both with the same text.
std::string reasoning_of(const Json& message) {
    const std::string text = text_at(message, "reasoning");
    return text.empty() ? text_at(message, "reasoning_content") : text;
}

void read_usage(const Json& reply, Answer& answer) {
    const Json& usage = object_at(reply, "usage");
    if (usage.empty()) return;
    answer.prompt_tokens = static_cast<std::int64_t>(number_at(usage, "prompt_tokens"));
    answer.completion_tokens = static_cast<std::int64_t>(number_at(usage, "completion_tokens"));
    answer.cached_tokens =
        static_cast<std::int64_t>(number_at(object_at(usage, "prompt_tokens_details"), "cached_tokens"));
}

// The pieces of a streamed call carry its place in `index`; name and id come once, the arguments in pieces.
void add_tool_calls(const Json& message, Answer& answer) {
    const auto calls = message.find("tool_calls");
    if (calls == message.end() || !calls->is_array()) return;
    for (std::size_t place = 0; place < calls->size(); ++place) {
        const Json& call = (*calls)[place];
        if (!call.is_object()) continue;
        const double index = number_at(call, "index", static_cast<double>(place));
        constexpr double kMostCalls = 64;
        if (index < 0 || index >= kMostCalls) continue;
        const auto at = static_cast<std::size_t>(index);
        if (answer.tool_calls.size() <= at) answer.tool_calls.resize(at + 1);
        const Json& function = object_at(call, "function");
        answer.tool_calls[at].name += text_at(function, "name");
        answer.tool_calls[at].arguments += text_at(function, "arguments");
    }
}

const Json* first_choice(const Json& reply) {
    const auto choices = reply.find("choices");
    if (choices == reply.end() || !choices->is_array() || choices->empty() || !choices->front().is_object())
        return nullptr;
    return &choices->front();
}

}  // namespace

std::string text_at(const Json& object, const char* name, const std::string& otherwise) {
    if (!object.is_object()) return otherwise;
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

double number_at(const Json& object, const char* name, double otherwise) {
    if (!object.is_object()) return otherwise;
    const auto found = object.find(name);
    return found != object.end() && found->is_number() ? found->get<double>() : otherwise;
}

const Json& object_at(const Json& object, const char* name) {
    static const Json kNone = Json::object();
    if (!object.is_object()) return kNone;
    const auto found = object.find(name);
    return found != object.end() && found->is_object() ? *found : kNone;
}

void read_whole_answer(const std::string& body, Answer& answer) {
    const Json reply = Json::parse(body, nullptr, false);
    const Json* choice = reply.is_object() ? first_choice(reply) : nullptr;
    if (choice == nullptr) {
        answer.problem = "the reply is no chat completion: " + body.substr(0, 120);
        return;
    }
    const Json& message = object_at(*choice, "message");
    answer.reasoning = reasoning_of(message);
    answer.content = text_at(message, "content");
    answer.finish_reason = text_at(*choice, "finish_reason");
    add_tool_calls(message, answer);
    read_usage(reply, answer);
}

void read_event(const Event& event, double time_ms, Answer& answer) {
    if (event.data == "[DONE]") {
        answer.done_marker = true;
        return;
    }
    const Json chunk = Json::parse(event.data, nullptr, false);
    if (!chunk.is_object()) {
        answer.problem = "an event is no JSON: " + event.data.substr(0, 120);
        return;
    }
    if (chunk.contains("error")) answer.problem = "the stream says: " + chunk["error"].dump().substr(0, 200);
    read_usage(chunk, answer);
    const Json* choice = first_choice(chunk);
    if (choice == nullptr) return;
    const Json& delta = object_at(*choice, "delta");
    const std::string reasoning = reasoning_of(delta);
    const std::string content = text_at(delta, "content", text_at(*choice, "text"));
    answer.reasoning += reasoning;
    answer.content += content;
    add_tool_calls(delta, answer);
    if (!reasoning.empty() || !content.empty()) answer.delta_times_ms.push_back(time_ms);
    const std::string finish = text_at(*choice, "finish_reason");
    if (!finish.empty()) answer.finish_reason = finish;
}

}  // namespace gptoss::acceptance

// Any two texts as the arguments of one call, as it was said and as the client sends it back: equal or not, the same
// both ways, and a chat request that holds the second recalls the reply when they are equal.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/chat_request.h"
#include "api/json_equality.h"
#include "base/check.h"
#include "harmony/render.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gptoss;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto border = std::min(input.find('\n'), input.size());
    const std::string said(input.substr(0, border));
    const std::string sent(input.substr(std::min(border + 1, input.size())));
    const bool equal = api::equal_json(said, sent);
    check(equal == api::equal_json(sent, said), "equality does not depend on the order");
    check(api::equal_json(said, said), "a text equals itself");

    harmony::Message thought;
    thought.role = harmony::Role::assistant;
    thought.channel = harmony::Channel::analysis;
    thought.content = "remembered";
    harmony::Message call = thought;
    call.channel = harmony::Channel::commentary;
    call.recipient = harmony::recipient_of("f");
    call.content_type = harmony::kJsonContentType;
    call.content = said;
    api::CallMemory memory;
    memory.remember({thought, call}, {{"id", 1}});
    api::Json request;
    request["messages"] = {
        {{"role", "assistant"},
         {"tool_calls", {{{"id", "id"}, {"function", {{"name", "f"}, {"arguments", sent}}}}}}},
        {{"role", "tool"}, {"tool_call_id", "id"}, {"content", "r"}}};
    const auto conversation = api::conversation_from_chat_request(request, &memory);
    const harmony::Message& first = conversation.messages.front();
    const bool recalled = first.recipient.empty() && first.content == "remembered";
    const auto is_empty = [](const std::string& text) {  // a call without arguments has an empty object
        return api::is_blank_json(text) || api::equal_json(text, "{}");
    };
    check(recalled == (equal || (is_empty(said) && is_empty(sent))), "what is equal is recalled");
    harmony::render_text(conversation);
    return 0;
}

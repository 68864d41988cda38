// POST /v1/messages and /v1/messages/count_tokens.
#include <utility>

#include "api/messages_format.h"
#include "api/random_id.h"
#include "api/service.h"

namespace gptoss::api {

MessagesInputOptions Service::messages_input() {
    MessagesInputOptions options;
    options.memory = &memory_;
    options.seal = options_.seal.get();
    options.unseen = options_.unseen;
    return options;
}

HandlerResult Service::messages(std::string_view body, const Caller& caller) {
    try {
        const MessagesRequest request = read_messages_request(parse_json(body), messages_input());
        const auto make_format = [&](ResponseMetadata facts) {
            return make_messages_format(std::move(facts), {request.thinking, options_.seal});
        };
        return start(request, random_id("msg_"), make_format, caller);
    } catch (const Error& error) {
        return messages_error_reply(error);
    }
}

HttpResponse Service::count_message_tokens(std::string_view body) {
    try {
        MessagesInputOptions options = messages_input();
        options.needs_max_tokens = false;
        const MessagesRequest request = read_messages_request(parse_json(body), options);
        return json_reply({{"input_tokens", count_tokens(request.conversation)}});
    } catch (const Error& error) {
        return messages_error_reply(error);
    }
}

}  // namespace gptoss::api

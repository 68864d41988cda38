// Any text as the messages of a connection in WebSocket mode, one a line: each is a request, which is remembered
// under its place and may be gone on from, an early end, or is refused by an event that is well formed.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "api/responses_request.h"
#include "api/socket_message.h"
#include "api/turn_memory.h"
#include "harmony/render.h"

namespace {

using namespace gptoss;

void check_error(const api::HttpResponse& reply) {
    const api::Json event = api::Json::parse(api::socket_error(reply));
    if (event["type"] != "error" || event["status"] != reply.status || !event["error"]["code"].is_string() ||
        !event["error"]["message"].is_string())
        std::abort();
}

// The history of the request, as the service puts it together.
api::Json read_history(api::ResponsesRequest& request, const api::TurnMemory& turns) {
    const api::Json* earlier = turns.find(request.previous_response_id);
    api::Json items = earlier != nullptr ? *earlier : api::Json::array();
    for (const api::Json& item : request.input) items.push_back(item);
    api::read_responses_input(items, request.client_tools, {}, request.conversation);
    harmony::render_text(request.conversation);
    return items;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    const auto turns = std::make_shared<api::TurnMemory>(std::make_shared<api::TurnBudget>(), "fuzzer");
    for (int place = 0; !rest.empty(); ++place) {
        const std::string_view message = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(message.size() + 1, rest.size()));
        if (api::is_socket_cancel(message)) continue;
        std::string previous;
        try {
            const api::Json body = api::read_socket_message(message);
            if (body["stream"] != true || body.contains("type")) std::abort();
            api::ResponsesRequest request = api::read_responses_request(body);
            previous = request.previous_response_id;
            api::Json items = read_history(request, *turns);
            const api::Json answer{{"type", "message"}, {"role", "assistant"}, {"content", "ok"}};
            turns->remember(std::to_string(place), std::move(items),
                            {{"output", api::Json::array({answer})}});
        } catch (const Error& error) {
            turns->forget(previous);
            check_error(api::json_reply(api::openai_error(error), api::http_status(error.code())));
        }
    }
    return 0;
}

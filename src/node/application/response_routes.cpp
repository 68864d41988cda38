#include "node/application/response_routes.h"

#include <utility>

#include "api/error_reply.h"
#include "api/messages_format.h"
#include "api/query.h"
#include "api/socket_message.h"
#include "api/stored_endpoints.h"
#include "api/turn_memory.h"
#include "base/number_text.h"
#include "http/websocket_answers.h"

namespace gptoss::node {

namespace {

using api::Caller;
using api::HandlerResult;
using api::HttpResponse;
using api::StoredEndpoints;
using http::HttpRequest;
using http::Router;
using http::RunsOn;

// "conv_1/items/msg_2" -> its parts.
std::vector<std::string> parts_of(const std::string& path) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        parts.push_back(path.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

std::string_view query_of(const HttpRequest& request) {
    return request.query;
}

[[noreturn]] void no_such_path(const HttpRequest& request) {
    throw Error(ErrorCode::not_found, "There is no " + request.method + " " + request.path + " here.");
}

StoredEndpoints stored(NodeState& state, const Caller& caller) {
    return {state.service()->options().stored.get(), caller.name};
}

HandlerResult get_response(NodeState& state, const HttpRequest& request, const Caller& caller) {
    const auto parts = parts_of(request.rest);
    const std::string_view query = query_of(request);
    if (parts.size() == 2 && parts[1] == "input_items")
        return stored(state, caller).input_items(parts[0], query);
    if (parts.size() != 1) no_such_path(request);
    HttpResponse whole = stored(state, caller).response(parts[0]);
    if (api::query_value(query, "stream") != "true") return whole;
    std::int64_t after = -1;
    if (const auto given = api::query_value(query, "starting_after")) {
        after = number_of<std::int64_t>(*given).value_or(-1);
        if (after < 0) api::refuse_field("starting_after", "must be the sequence_number of an event.");
    }
    return state.service()->follow_response(caller, parts[0], after);
}

std::string farewell() {
    const Error error(ErrorCode::request_invalid, "The connection was silent for too long.",
                      "Open another one, and send the history again.",
                      {{"code", "websocket_connection_limit_reached"}});
    return api::socket_error(api::json_reply(api::openai_error(error), 400));
}

// WebSocket mode: many requests on one connection, one at a time, each of which may go on from one before.
class ResponsesSocket final : public http::Upgrade {
  public:
    ResponsesSocket(NodeState& state, std::shared_ptr<api::TurnMemory> turns) {
        service_.answer = [&state, turns = std::move(turns)](const HttpRequest& request,
                                                             const Caller& caller) -> HandlerResult {
            state.require_usable_gpu();
            return state.service()->socket_response(request.body, caller, *turns);
        };
        service_.error_message = api::socket_error;
        service_.is_cancel = api::is_socket_cancel;
        service_.farewell = farewell();
    }

    boost::asio::awaitable<void> run(http::UpgradedConnection upgraded) override {
        co_await http::WebSocket::serve(upgraded, [this, &upgraded](http::WebSocket& socket) {
            return http::answer_messages(upgraded, socket, service_);
        });
    }

  private:
    http::SocketService service_;
};

void add_responses_socket(Router& router, NodeState& state) {
    http::Route route{"GET", "/v1/responses", false, [](const HttpRequest&, const Caller&) -> HandlerResult {
                          return http::websocket_only_reply("POST the request");
                      }};
    route.upgrade = [&state, budget = std::make_shared<api::TurnBudget>()](const HttpRequest&,
                                                                           const Caller& caller) {
        state.service();  // too early: refused before the handshake
        return std::make_unique<ResponsesSocket>(state,
                                                 std::make_shared<api::TurnMemory>(budget, caller.name));
    };
    router.add(std::move(route));
}

HandlerResult post_to_response(NodeState& state, const HttpRequest& request, const Caller& caller) {
    const auto parts = parts_of(request.rest);
    if (parts.size() != 2 || parts[1] != "cancel") no_such_path(request);
    return stored(state, caller).cancel_response(parts[0]);
}

void add_conversation_routes(Router& router, NodeState& state) {
    router.add({"POST", "/v1/conversations", false,
                [&state](const HttpRequest& request, const Caller& caller) -> HandlerResult {
                    return stored(state, caller).create_conversation(request.body);
                },
                RunsOn::disk});
    router.add({"GET", "/v1/conversations/*", false,
                [&state](const HttpRequest& request, const Caller& caller) -> HandlerResult {
                    const auto parts = parts_of(request.rest);
                    const StoredEndpoints endpoints = stored(state, caller);
                    if (parts.size() == 1) return endpoints.conversation(parts[0]);
                    if (parts[1] != "items" || parts.size() > 3) no_such_path(request);
                    return parts.size() == 2 ? endpoints.conversation_items(parts[0], query_of(request))
                                             : endpoints.conversation_item(parts[0], parts[2]);
                },
                RunsOn::disk});
    router.add({"POST", "/v1/conversations/*", false,
                [&state](const HttpRequest& request, const Caller& caller) -> HandlerResult {
                    const auto parts = parts_of(request.rest);
                    const StoredEndpoints endpoints = stored(state, caller);
                    if (parts.size() == 1) return endpoints.update_conversation(parts[0], request.body);
                    if (parts.size() != 2 || parts[1] != "items") no_such_path(request);
                    return endpoints.add_items(parts[0], request.body);
                },
                RunsOn::disk});
    router.add({"DELETE", "/v1/conversations/*", false,
                [&state](const HttpRequest& request, const Caller& caller) -> HandlerResult {
                    const auto parts = parts_of(request.rest);
                    const StoredEndpoints endpoints = stored(state, caller);
                    if (parts.size() == 1) return endpoints.remove_conversation(parts[0]);
                    if (parts.size() != 3 || parts[1] != "items") no_such_path(request);
                    return endpoints.remove_item(parts[0], parts[2]);
                },
                RunsOn::disk});
}

}  // namespace

void add_response_routes(Router& router, NodeState& state) {
    router.add({"POST", "/v1/responses", false,
                [&state](const HttpRequest& request, const Caller& caller) -> HandlerResult {
                    state.require_usable_gpu();
                    return state.service()->responses(request.body, caller);
                },
                RunsOn::worker});
    router.add({"POST", "/v1/responses/input_tokens", false,
                [&state](const HttpRequest& request, const Caller& caller) -> HandlerResult {
                    return state.service()->count_response_tokens(request.body, caller);
                },
                RunsOn::worker});
    router.add({"POST", "/v1/responses/compact", false,
                [&state](const HttpRequest& request, const Caller& caller) -> HandlerResult {
                    state.require_usable_gpu();
                    return state.service()->compact_response(request.body, caller);
                },
                RunsOn::worker});
    router.add({"GET", "/v1/responses/*", false,
                [&state](const HttpRequest& request, const Caller& caller) -> HandlerResult {
                    return get_response(state, request, caller);
                },
                RunsOn::disk});
    router.add({"POST", "/v1/responses/*", false,
                [&state](const HttpRequest& request, const Caller& caller) -> HandlerResult {
                    return post_to_response(state, request, caller);
                },
                RunsOn::disk});
    router.add({"DELETE", "/v1/responses/*", false,
                [&state](const HttpRequest& request, const Caller& caller) -> HandlerResult {
                    return stored(state, caller).remove_response(request.rest);
                },
                RunsOn::disk});
    add_conversation_routes(router, state);
    add_responses_socket(router, state);
}

void add_message_routes(Router& router, NodeState& state) {
    http::Route messages{"POST", "/v1/messages", false,
                         [&state](const HttpRequest& request, const Caller& caller) -> HandlerResult {
                             state.require_usable_gpu();
                             return state.service()->messages(request.body, caller);
                         }};
    http::Route count{"POST", "/v1/messages/count_tokens", false,
                      [&state](const HttpRequest& request, const Caller&) -> HandlerResult {
                          return state.service()->count_message_tokens(request.body);
                      }};
    for (http::Route* route : {&messages, &count}) {
        route->runs_on = RunsOn::worker;
        route->error_shape = api::in_messages_shape;
        router.add(std::move(*route));
    }
}

}  // namespace gptoss::node

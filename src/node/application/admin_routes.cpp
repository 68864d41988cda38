#include "node/application/admin_routes.h"

#include "base/error.h"

namespace gptoss::node {

using api::Answer;
using api::Caller;
using api::Json;
using http::HttpRequest;
using http::Router;
using http::RunsOn;

namespace {

// A request's place on its way: it waits until its prompt is being read, which only the first token shows.
const char* stage_of(const http::ActiveRequest& request) {
    if (request.completion_tokens > 0) return "generating";
    return request.prompt_tokens > 0 ? "prompt" : "received";
}

Json request_json(const http::ActiveRequest& request) {
    return {{"id", request.id},
            {"client", request.client},
            {"route", request.path},
            {"stage", stage_of(request)},
            {"age_ms", request.age_ms()},
            {"prompt_tokens", request.prompt_tokens.load()},
            {"completion_tokens", request.completion_tokens.load()}};
}

// Without the tokens, which are the clients' own.
Json latest_receipts(const NodeState& state) {
    constexpr int kShown = 50;
    Json list = Json::array();
    const auto service = state.find_service();
    if (service == nullptr || service->served_model().receipts == nullptr) return list;
    for (Json& receipt : service->served_model().receipts->latest(kShown)) {
        receipt.erase("tokens");
        list.push_back(std::move(receipt));
    }
    return list;
}

Json usage_json(const http::ClientUsage& usage) {
    return {{"client", usage.client},
            {"requests", usage.requests},
            {"refused", usage.refused},
            {"running", usage.running},
            {"prompt_tokens", usage.prompt_tokens},
            {"completion_tokens", usage.completion_tokens}};
}

}  // namespace

Router make_admin_routes(http::Server& users, NodeState& state, AdminActions actions, Router router) {
    router.add({"GET", "/admin/requests", false, [&users](const HttpRequest&, const Caller&) -> Answer {
                    Json list = Json::array();
                    for (const auto& request : users.active_requests().all())
                        list.push_back(request_json(*request));
                    return api::json_reply({{"requests", std::move(list)}});
                }});
    router.add({"DELETE", "/admin/requests/*", false,
                [&users](const HttpRequest& request, const Caller&) -> Answer {
                    const int found = users.active_requests().cancel(request.rest);
                    if (found == 0) {
                        throw Error(ErrorCode::not_found,
                                    "No request with the id \"" + request.rest + "\" is being answered.",
                                    "GET /admin/requests lists them.");
                    }
                    return api::json_reply({{"cancelled", found}});
                },
                RunsOn::io_thread, true});
    router.add({"GET", "/admin/clients", false, [&users](const HttpRequest&, const Caller&) -> Answer {
                    Json list = Json::array();
                    for (const http::ClientUsage& usage : users.clients().usage())
                        list.push_back(usage_json(usage));
                    return api::json_reply({{"clients", std::move(list)}});
                }});
    router.add({"GET", "/admin/status", false,
                [&state, status = actions.reload_status](const HttpRequest&, const Caller&) -> Answer {
                    Json json = state.to_json();
                    json["reload"] = status();
                    return api::json_reply(json);
                }});
    router.add({"GET", "/admin/receipts", false,
                [&state](const HttpRequest&, const Caller&) -> Answer {
                    return api::json_reply({{"receipts", latest_receipts(state)}});
                },
                RunsOn::disk});
    router.add({"POST", "/admin/reload", false,
                [reload = actions.reload](const HttpRequest&, const Caller&) -> Answer {
                    return api::json_reply(reload(), 202);
                },
                RunsOn::disk, true});
    return router;
}

}  // namespace gptoss::node

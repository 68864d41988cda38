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

Json request_json(const http::ActiveRequest& request) {
    return {{"id", request.id},
            {"client", request.client},
            {"route", request.path},
            {"age_ms", request.age_ms()},
            {"prompt_tokens", request.prompt_tokens.load()},
            {"completion_tokens", request.completion_tokens.load()}};
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
    router.add({"POST", "/admin/reload", false,
                [reload = actions.reload](const HttpRequest&, const Caller&) -> Answer {
                    return api::json_reply(reload(), 202);
                },
                RunsOn::disk, true});
    return router;
}

}  // namespace gptoss::node

#include "node/application/routes.h"

#include "api/error_reply.h"
#include "node/application/console_files.h"
#include "node/application/discovery_routes.h"
#include "node/application/market_routes.h"
#include "node/application/node_card.h"
#include "node/application/response_routes.h"

namespace gptoss::node {

namespace {

using api::Caller;
using api::HandlerResult;
using api::HttpResponse;
using api::Json;
using http::Handler;
using http::HttpRequest;
using http::Router;
using http::RunsOn;

// With the weights' model id, composite hash and how they were verified, and what their results' bits depend
// on, once they are loaded.
Json version_json(const NodeState& state) {
    Json json{{"name", "gpt-oss-node"}, {"version", GPTOSS_VERSION}};
    const auto service = state.find_service();
    if (service == nullptr) return json;
    const Json& card = service->served_model().card;
    for (const char* each : {"provenance", "numerics"})
        if (card.contains(each)) json[each] = card[each];
    return json;
}

void add_status_routes(Router& router, NodeState& state, Metrics& metrics) {
    const Handler health = [&state](const HttpRequest&, const Caller&) -> HandlerResult {
        Json json = state.to_json();
        json["ready"] = json["status"] == "ready";
        json["status"] = "ok";  // alive; `ready` and GET /ready say whether it can answer yet
        json["version"] = GPTOSS_VERSION;
        return api::json_reply(json);
    };
    const Handler ready = [&state](const HttpRequest&, const Caller&) -> HandlerResult {
        HttpResponse reply = api::json_reply(state.to_json(), state.is_ready() ? 200 : 503);
        if (reply.status == 503) reply.headers.emplace_back("Retry-After", "2");
        return reply;
    };
    const Handler version = [&state](const HttpRequest&, const Caller&) -> HandlerResult {
        return api::json_reply(version_json(state));
    };
    router.add({"GET", "/health", true, health});
    router.add({"GET", "/v1/health", true, health});
    router.add({"GET", "/ready", true, ready});
    router.add({"GET", "/version", true, version});
    router.add({"GET", "/v1/version", true, version});
    router.add(
        {"GET", "/metrics", false, [&state, &metrics](const HttpRequest&, const Caller&) -> HandlerResult {
             HttpResponse reply;
             reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
             const auto service = state.find_service();
             const auto gpu = state.gpu();
             if (const auto market = state.find_market()) metrics.show_market(market->figures());
             std::optional<engine::EngineStats> stats;
             if (service != nullptr) stats = service->engine().stats();
             reply.body = metrics.to_text(stats ? &*stats : nullptr, gpu ? &*gpu : nullptr);
             return reply;
         }});
}

// What the console draws: where the node stands, what it claimed and how busy it is, in one answer.
Json status_json(const NodeState& state) {
    Json json = state.to_json();
    json["version"] = GPTOSS_VERSION;
    if (const auto gpu = state.gpu()) json["gpu"] = gpu->to_json();
    const auto service = state.find_service();
    if (service == nullptr) return json;
    const backend::BackendInfo& info = service->engine().backend_info();
    json["placement"] = info.placement;
    json["claimed_bytes"] = info.claimed_bytes;
    json["card"] = service->served_model().card;
    if (const auto& check = service->served_model().weight_check) json["weight_check"] = check->outcome();
    const engine::EngineOptions& options = service->engine().options();
    json["max_sequences"] = options.max_sequences;
    json["queue_limit"] = options.queue_limit;
    json["scheduling"] = engine::kSchedulingNames[static_cast<std::size_t>(options.scheduling)];
    const engine::EngineStats stats = service->engine().stats();
    json["engine"] = {{"running", stats.running},
                      {"waiting", stats.waiting},
                      {"kv_blocks_used", stats.full_blocks_used},
                      {"kv_blocks_cached", stats.full_blocks_cached},
                      {"kv_blocks_total", stats.full_blocks_total},
                      {"prompt_tokens", stats.prompt_tokens},
                      {"cached_tokens", stats.cached_tokens},
                      {"generated_tokens", stats.generated_tokens},
                      {"preemptions", stats.preemptions},
                      {"prompt_rows", stats.prompt_rows},
                      {"step_bound_ms", stats.step_bound_ms},
                      {"oldest_wait_ms", stats.oldest_wait_ms},
                      {"prompt_tokens_per_second", stats.prompt_tokens_per_second},
                      {"generated_tokens_per_second", stats.generated_tokens_per_second}};
    return json;
}

using Generating = HandlerResult (api::Service::*)(std::string_view, const Caller&);

void add_generating(Router& router, NodeState& state, const std::string& path, Generating endpoint) {
    router.add({"POST", path, false,
                [&state, endpoint](const HttpRequest& request, const Caller& caller) -> HandlerResult {
                    state.require_usable_gpu();
                    return ((*state.service()).*endpoint)(request.body, caller);
                },
                RunsOn::worker});
}

// This one has error replies of its own shape, also when there is no model yet to make them.
void add_inference(Router& router, NodeState& state) {
    router.add({"POST", "/v1/inference", false,
                [&state](const HttpRequest& request, const Caller& caller) -> HandlerResult {
                    try {
                        state.require_usable_gpu();
                        return state.service()->inference(request.body, caller);
                    } catch (const Error& error) {
                        return api::inference_error_reply(error, "");
                    }
                },
                RunsOn::worker});
}

}  // namespace

Router make_routes(NodeState& state, Metrics& metrics, bool for_operators) {
    Router router;
    http::add_static_routes(router, console_files());
    add_status_routes(router, state, metrics);
    router.add({"GET", "/v1/status", false,
                [&state, for_operators](const HttpRequest&, const Caller&) -> HandlerResult {
                    Json json = status_json(state);
                    if (for_operators) json["admin"] = true;
                    return api::json_reply(json);
                }});
    add_generating(router, state, "/v1/chat/completions", &api::Service::chat);
    add_generating(router, state, "/v1/completions", &api::Service::completions);
    add_inference(router, state);
    add_response_routes(router, state);
    add_message_routes(router, state);
    add_discovery_routes(router, state);
    add_market_routes(router, state);
    router.add({"GET", "/.well-known/gpt-oss-node.json", true,
                [&state](const HttpRequest&, const Caller&) -> HandlerResult {
                    return api::json_reply(node_card(*state.service(), state.find_market().get()));
                }});
    router.add({"GET", "/v1/models", false, [&state](const HttpRequest&, const Caller&) -> HandlerResult {
                    return state.service()->models();
                }});
    router.add(
        {"GET", "/v1/models/*", false, [&state](const HttpRequest& request, const Caller&) -> HandlerResult {
             return state.service()->model(request.rest);
         }});
    router.add({"GET", "/v1/receipts/*", false,
                [&state](const HttpRequest& request, const Caller&) -> HandlerResult {
                    return state.service()->receipt(request.rest);
                },
                RunsOn::disk});
    router.add({"POST", "/tokenize", false,
                [&state](const HttpRequest& request, const Caller&) -> HandlerResult {
                    return state.service()->tokenize(request.body);
                },
                RunsOn::worker});
    router.add({"POST", "/detokenize", false,
                [&state](const HttpRequest& request, const Caller&) -> HandlerResult {
                    return state.service()->detokenize(request.body);
                },
                RunsOn::worker});
    router.add({"POST", "/apply-template", false,
                [&state](const HttpRequest& request, const Caller&) -> HandlerResult {
                    return state.service()->apply_template(request.body);
                },
                RunsOn::worker});
    return router;
}

}  // namespace gptoss::node

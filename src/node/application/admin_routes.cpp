#include "node/application/admin_routes.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"

namespace gptoss::node {

using api::Caller;
using api::HandlerResult;
using api::Json;
using http::HttpRequest;
using http::Router;
using http::RunsOn;

namespace {

Json row_json(const std::string& id, const std::string& client, const std::string& route, std::int64_t age_ms,
              std::int32_t prompt_read, const api::ResponseStream::TokenUsage& spent) {
    return {{"id", id},
            {"client", client},
            {"route", route},
            {"stage", api::stage_name(prompt_read, spent)},
            {"age_ms", age_ms},
            {"prompt_read", std::max(prompt_read, 0)},
            {"prompt_tokens", spent.prompt_tokens},
            {"completion_tokens", spent.completion_tokens}};
}

Json request_json(const http::ActiveRequest& request) {
    return row_json(request.id, request.client, request.path, request.age_ms(), request.prompt_read,
                    {request.prompt_tokens, request.cached_tokens, request.completion_tokens});
}

// Responses in the background are nobody's request any more, and run all the same.
api::BackgroundRuns* background_runs(const NodeState& state) {
    const auto service = state.find_service();
    const auto stored = service != nullptr ? service->options().stored : nullptr;
    return stored != nullptr ? &stored->runs() : nullptr;
}

Json running_requests(http::Server& users, const NodeState& state) {
    Json list = Json::array();
    for (const auto& request : users.active_requests().all()) {
        const bool follows_run = request->method == "GET" && request->path.starts_with("/v1/responses/");
        if (!follows_run) list.push_back(request_json(*request));
    }
    const auto now = std::chrono::steady_clock::now();
    if (const auto* runs = background_runs(state)) {
        for (const auto& run : runs->all()) {
            const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now - run.began);
            list.push_back(
                row_json(run.id, run.owner, "/v1/responses", age.count(), run.prompt_read, run.spent));
        }
    }
    return list;
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

// What the ledger counts.
Json earnings_json(marketplace::Market& market) {
    const marketplace::Market::Figures figures = market.figures();
    const marketplace::Ledger::Totals& ledger = figures.ledger;
    Json json{{"marketplace", true},
              {"claims", market.claims() != nullptr},
              {"sessions", figures.sessions},
              {"jobs_open", ledger.jobs_open},
              {"billed_tokens", ledger.billed},
              {"proven_tokens", ledger.proven},
              {"unproven_tokens", ledger.unproven},
              {"proofs", ledger.proofs},
              {"failed_transactions", ledger.failed_transactions},
              {"outbox_files", figures.outbox}};
    if (market.host_key() != nullptr)
        json["host"] = provenance::chain::to_checksum_text(market.host_key()->address());
    if (market.claims() != nullptr) json["balance_coins"] = figures.balance;
    if (!figures.problem.empty()) json["problem"] = figures.problem;
    return json;
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
    router.add({"GET", "/admin/requests", false,
                [&users, &state](const HttpRequest&, const Caller&) -> HandlerResult {
                    return api::json_reply({{"requests", running_requests(users, state)}});
                }});
    router.add({"DELETE", "/admin/requests/*", false,
                [&users, &state](const HttpRequest& request, const Caller&) -> HandlerResult {
                    int found = users.active_requests().cancel(request.rest);
                    if (auto* runs = background_runs(state); runs != nullptr && runs->cancel(request.rest))
                        ++found;
                    if (found == 0) {
                        throw Error(ErrorCode::not_found,
                                    "No request with the id \"" + request.rest + "\" is being answered.",
                                    "GET /admin/requests lists them.");
                    }
                    return api::json_reply({{"cancelled", found}});
                },
                RunsOn::io_thread, true});
    router.add({"GET", "/admin/clients", false, [&users](const HttpRequest&, const Caller&) -> HandlerResult {
                    Json list = Json::array();
                    for (const http::ClientUsage& usage : users.clients().usage())
                        list.push_back(usage_json(usage));
                    return api::json_reply({{"clients", std::move(list)}});
                }});
    router.add({"GET", "/admin/status", false,
                [&state, status = actions.reload_status](const HttpRequest&, const Caller&) -> HandlerResult {
                    Json json = state.to_json();
                    json["reload"] = status();
                    return api::json_reply(json);
                }});
    router.add({"GET", "/admin/receipts", false,
                [&state](const HttpRequest&, const Caller&) -> HandlerResult {
                    return api::json_reply({{"receipts", latest_receipts(state)}});
                },
                RunsOn::disk});
    router.add({"GET", "/admin/earnings", false,
                [&state, credited = actions.credited](const HttpRequest&, const Caller&) -> HandlerResult {
                    const auto market = state.find_market();
                    if (market == nullptr) return api::json_reply({{"marketplace", false}});
                    Json json = earnings_json(*market);
                    if (Json found = credited ? credited() : Json(); !found.is_null())
                        json["credited"] = std::move(found);
                    return api::json_reply(json);
                },
                RunsOn::disk});
    router.add({"POST", "/admin/reload", false,
                [reload = actions.reload](const HttpRequest&, const Caller&) -> HandlerResult {
                    return api::json_reply(reload(), 202);
                },
                RunsOn::disk, true});
    return router;
}

}  // namespace gptoss::node

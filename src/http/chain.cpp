#include "http/chain.h"

#include <algorithm>
#include <array>

#include "http/framing.h"
#include "http/handler_call.h"
#include "http/media_type.h"
#include "http/replies.h"

namespace gptoss::http {

namespace {

using MaybeReply = std::optional<api::HttpResponse>;
using Step = MaybeReply (*)(Server::State& server, const ServerConfig& config, RequestContext& context);

api::HttpResponse refusal(int status, const std::string& message, const std::string& hint = {}) {
    return error_reply(Error(ErrorCode::request_invalid, message, hint), status);
}

MaybeReply check_framing(Server::State&, const ServerConfig&, RequestContext& context) {
    if (const auto problem = find_framing_problem(context.request))
        return refusal(problem->status, problem->message);
    if (context.request.path.empty()) return refusal(400, "The request's target is none that HTTP/1.1 has.");
    return std::nullopt;
}

MaybeReply check_origin(Server::State&, const ServerConfig& config, RequestContext& context) {
    return refuse_foreign(config.origin_rules, context.request);
}

MaybeReply find_route(Server::State& server, const ServerConfig&, RequestContext& context) {
    HttpRequest& request = context.request;
    const Router::Match match = server.router.find(request);
    context.route = match.route;
    context.allowed_methods = match.allowed_methods;
    if (match.route != nullptr) {
        context.label = context.record->path = match.route->path;
        return std::nullopt;
    }
    if (request.method == "OPTIONS" && (!match.allowed_methods.empty() || request.path == "*")) {
        const std::string methods =
            match.allowed_methods.empty() ? "OPTIONS" : match.allowed_methods + ", OPTIONS";
        return is_preflight(request) ? preflight_reply(request, methods) : options_reply(methods);
    }
    if (!match.allowed_methods.empty()) return method_reply(request.path, match.allowed_methods);
    return error_reply(
        Error(ErrorCode::not_found, "There is no " + request.method + " " + request.path + " here."));
}

MaybeReply check_key(Server::State&, const ServerConfig& config, RequestContext& context) {
    if (context.route->open) return std::nullopt;
    auto client = authenticate(config.keys, context.request, context.record->client);
    if (!client) return wrong_key_reply();
    context.client = *std::move(client);
    context.record->client = context.client.name;
    return std::nullopt;
}

// Where no key protects them, actions must be ones that no other site's page can cause: a form cannot send JSON.
MaybeReply check_action(Server::State&, const ServerConfig& config, RequestContext& context) {
    if (!context.route->action || config.keys.required()) return std::nullopt;
    const auto site = context.request.headers.find("Sec-Fetch-Site");
    if (!is_same_origin(context.request) || (site && *site != "same-origin" && *site != "none"))
        return refusal(403, "Another site's page may not do this.",
                       "Set GPTOSS_ADMIN_KEY and send that key.");
    if (context.request.method == "POST" && !says_json(context.request)) {
        return refusal(415, "Without an admin key this takes JSON requests alone.",
                       "Send Content-Type: application/json, or set GPTOSS_ADMIN_KEY and send that key.");
    }
    return std::nullopt;
}

MaybeReply check_body(Server::State&, const ServerConfig& config, RequestContext& context) {
    const HttpRequest& request = context.request;
    if (auto reply = refuse_media_type(request)) return reply;
    const std::size_t limit_bytes = body_limit_of(context, config);
    if (content_length_of(request).value_or(0) > limit_bytes)
        return too_large_reply("body", limit_bytes, 413);
    const auto expected = request.headers.find("Expect");
    if (expected && !equal_without_case(*expected, "100-continue"))
        return refusal(417, "The only expectation that is met here is 100-continue.");
    return std::nullopt;
}

// A large body that would have to wait for too many others, to be read or to be parsed, is not even read.
MaybeReply check_workers(Server::State& server, const ServerConfig&, RequestContext& context) {
    if (context.route->runs_on != RunsOn::worker) return std::nullopt;
    const std::size_t body_bytes = content_length_of(context.request).value_or(0);
    const bool is_large = body_bytes > Workers::kSmallBody_bytes;
    if (is_large && server.read_pace.is_crowded()) return workers_busy_reply();
    if (!server.workers.has_room(context.client.name, body_bytes)) return workers_busy_reply();
    return std::nullopt;
}

// What is only looked at is free: a scrape must not take a user's place.
MaybeReply admit(Server::State& server, const ServerConfig& config, RequestContext& context) {
    if (context.request.method != "POST" || context.route->open) return std::nullopt;
    const ClientLimit& limit = context.client.limit.value_or(config.options.client_limit);
    try {
        context.admission = server.clients.admit(context.client.name, limit);
    } catch (const Error& error) {
        return error_reply(error);
    }
    return std::nullopt;
}

constexpr std::array<Step, 8> kSteps{check_framing, check_origin, find_route,    check_key,
                                     check_action,  check_body,   check_workers, admit};

}  // namespace

std::size_t body_limit_of(const RequestContext& context, const ServerConfig& config) {
    constexpr std::size_t kUnreadBodyLimit_bytes = std::size_t{16} << 10;
    const std::size_t limit_bytes = config.options.body_limit_bytes;
    return context.request.method == "POST" ? limit_bytes : std::min(limit_bytes, kUnreadBodyLimit_bytes);
}

std::optional<api::HttpResponse> pass_header_steps(Server::State& server, const ServerConfig& config,
                                                   RequestContext& context) {
    for (const Step step : kSteps)
        if (auto reply = step(server, config, context)) return reply;
    return std::nullopt;
}

}  // namespace gptoss::http

#include "http/handler_call.h"

#include <spdlog/spdlog.h>

#include "http/replies.h"

namespace gptoss::http {

api::HandlerResult call_handler(const Handler& handler, const HttpRequest& request,
                                const api::Caller& caller) {
    try {
        return handler(request, caller);
    } catch (const Error& error) {
        return error_reply(error);
    } catch (const std::exception& problem) {
        spdlog::error("{} {}: {}", request.method, request.path, problem.what());
        return api::json_reply({{"error", {{"message", "The server failed."}, {"type", "server_error"}}}},
                               500);
    }
}

void HandlerJob::run() {
    if (is_abandoned) return;
    answer = call_handler(*handler, request, caller);
    request = {};
    body_share = {};
    is_done = true;
    caller.wake();
}

api::HttpResponse workers_busy_reply() {
    return error_reply(Error(ErrorCode::queue_full, "Too many requests wait to be read.", "Try again in 1 s.",
                             {{"code", "rate_limit_exceeded"}, {"retry_after_s", "1"}}));
}

}  // namespace gptoss::http

// Calls a route's handler: at once, or as a job of a worker that outlives its client's connection.
#pragma once

#include <atomic>
#include <memory>

#include "api/response_stream.h"
#include "http/body_budget.h"
#include "http/http_request.h"
#include "http/router.h"

namespace gptoss::http {

// What the handler gives, or the reply to what it throws.
api::HandlerResult call_handler(const Handler& handler, const HttpRequest& request,
                                const api::Caller& caller);

// Everything the handler needs is the job's own, so that its client may go away. The worker writes `answer`,
// then sets `is_done` and wakes; who waits reads it then. run() throws TooManySteps (base/step_bound.h) as it
// comes from the handler, and may be called again then.
struct HandlerJob {
    const Handler* handler = nullptr;     // the router outlives the workers
    std::shared_ptr<const Handler> keep;  // of one that nobody else keeps
    HttpRequest request;
    BodyBudget::Share body_share;
    api::Caller caller;
    api::HandlerResult answer;
    std::atomic<bool> is_abandoned = false;  // nobody waits: it need not begin
    std::atomic<bool> is_done = false;

    void run();
};

api::HttpResponse workers_busy_reply();  // 429

}  // namespace gptoss::http

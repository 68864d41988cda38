// What a request passes with its header alone, before any of its body is read: a chain of small steps, the
// first of which that has a reply ends it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/active_requests.h"
#include "http/authenticate.h"
#include "http/client_limits.h"
#include "http/router.h"
#include "http/server_state.h"

namespace gptoss::http {

// What is known of a request while it is answered.
struct RequestContext {
    HttpRequest request;
    std::shared_ptr<ActiveRequest> record;  // for operators and the log
    const Route* route = nullptr;           // null while, or because, there is none
    std::string allowed_methods;            // of the path
    Identity client;
    ClientLimits::Admission admission;  // its place among its client's requests
    std::string label = "(none)";       // the route's pattern, for metrics and the log

    api::Caller caller() const { return {client.name, record->wake, {record, &record->prompt_read}}; }
};

// In order: framing (400, 501), Host and Origin (403), target and method (404, 405, preflights), the key
// (401), what only operators may (403, 415), the body's type and size (415, 413, 417), room for a large body
// and the client's limits (429). Nothing: the body may be read and the route's handler called.
std::optional<api::HttpResponse> pass_header_steps(Server::State& server, const ServerConfig& config,
                                                   RequestContext& context);

// The largest body that is taken: none of weight where no handler reads one.
std::size_t body_limit_of(const RequestContext& context, const ServerConfig& config);

}  // namespace gptoss::http

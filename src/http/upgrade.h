// A connection that leaves HTTP, as for a WebSocket: the route takes it over, and the session does nothing
// more with it but close it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/response_stream.h"
#include "http/active_requests.h"
#include "http/body_budget.h"
#include "http/client_limits.h"
#include "http/connection.h"
#include "http/http_request.h"
#include "http/server.h"
#include "http/workers.h"

namespace gptoss::http {

// What the session lends. On the connection's strand, for as long as Upgrade::run() goes on.
struct UpgradedConnection {
    Connection& connection;
    boost::beast::flat_buffer& unread;       // bytes that came after the header
    std::function<bool()> is_shutting_down;  // no new work should begin
    const HttpRequest& request;
    const std::vector<std::pair<std::string, std::string>>& reply_fields;  // those of every reply
    const ServerOptions& options;
    // The caller's wake() sets `signalled` and cancels `signal`. So does the server when it shuts down.
    boost::asio::steady_timer& signal;
    bool& signalled;
    api::Caller caller;
    ActiveRequest& record;  // of the connection, as operators see it; `cancelled` is theirs
    ActiveRequests& active;
    ReplyMeter& meter;
    BodyBudget& bodies;
    Workers& workers;
    // A place among the client's requests, for each thing that is asked on the connection. Throws
    // Error(queue_full), and Error(unauthorized) when its key is none any more.
    std::function<ClientLimits::Admission()> admit;
};

class Upgrade {
  public:
    virtual ~Upgrade() = default;
    // Writes the 101 and goes on until the conversation is over. On the connection's strand; all that waits
    // fails when the server stops.
    virtual boost::asio::awaitable<void> run(UpgradedConnection connection) = 0;
};

// "Connection: Upgrade" with "Upgrade: websocket".
bool asks_for_websocket(const HttpRequest& request);

// A request for a WebSocket that is not RFC 6455's: 426 for another version of it, 400 without a key.
std::optional<api::HttpResponse> refuse_handshake(const HttpRequest& request);

// A plain request where only a WebSocket is spoken: 426. Clients that can do without fall back on it at once.
api::HttpResponse websocket_only_reply(const std::string& instead);

}  // namespace gptoss::http

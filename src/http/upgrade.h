// A connection that leaves HTTP, as for a WebSocket: the route takes it over, and the session does nothing
// more with it but close it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <functional>

#include "http/connection.h"
#include "http/http_request.h"

namespace gptoss::http {

struct UpgradedConnection {
    Connection& connection;
    boost::beast::flat_buffer& unread;       // bytes that came after the header
    std::function<bool()> is_shutting_down;  // no new work should begin
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

}  // namespace gptoss::http

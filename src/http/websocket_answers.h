// Answers the messages of a WebSocket one after another, each as the request that it is: with a place among its
// client's, a line in the log, and a worker that reads it. Events are sent as messages as they come.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "http/router.h"
#include "http/upgrade.h"
#include "http/websocket.h"

namespace gptoss::http {

struct SocketService {
    // Called on a worker; the message is the request's body. What it throws, and a reply that is an error, goes
    // to `error_message`.
    Handler answer;
    std::function<std::string(const api::HttpResponse& reply)> error_message;
    // A message that asks for an early end of what is being answered; it is not answered itself. Short messages
    // are asked about as they come.
    std::function<bool(std::string_view message)> is_cancel;
    // What is sent to a connection that was silent for limits::kSocketIdle_s, before it is closed.
    std::string farewell;
};

// Until the client leaves, is silent for too long, or the server shuts down; then what is being answered still
// goes on to its end. Messages that come meanwhile wait.
boost::asio::awaitable<void> answer_messages(UpgradedConnection& upgraded, WebSocket& socket,
                                             const SocketService& service);

}  // namespace gptoss::http

// A WebSocket (RFC 6455) of texts. Messages that come wait in a short queue while something else is done; who
// serves the connection takes them, writes, and waits. Pings, their answers and the closing are done here.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "http/body_budget.h"
#include "http/upgrade.h"

namespace gptoss::http {

// Bounds: a message has at most ServerOptions::body_limit_bytes (close code 1009) and counts against the
// budget of bodies (1013) while it is held; limits::kSocketMessages may wait, then reading stops; a client that does
// not take a message within write_timeout, or answers no ping for idle_timeout, is cut off. Messages that are
// no text end the connection (1003, 1007).
class WebSocket {
  public:
    enum CloseCode : std::uint16_t {
        normal = 1000,
        going_away = 1001,
        not_text = 1003,
        policy = 1008,
        failed = 1011,
        try_again_later = 1013,
    };

    struct Message {
        std::string text;
        BodyBudget::Share share;
    };

    using Conversation = std::function<boost::asio::awaitable<void>(WebSocket&)>;

    // Writes the 101, lets `conversation` speak, and closes in good order when it returns, throws, or the
    // server shuts down. On the connection's strand.
    static boost::asio::awaitable<void> serve(UpgradedConnection& upgraded, const Conversation& conversation);

    // A message that has come.
    std::optional<Message> take();

    // False when the client has closed or is gone, or close() was called.
    bool is_open() const;

    // Until a message comes, the caller's wake() is called, the connection ends or the server shuts down, at
    // most that long. At once when one of these happened since the last call.
    boost::asio::awaitable<void> wait(std::chrono::milliseconds limit);

    // One message; goes on when the system has taken it. One at a time. False when the connection has ended.
    boost::asio::awaitable<bool> write(std::string_view text);

    // The reason has at most 123 bytes.
    boost::asio::awaitable<void> close(CloseCode code, std::string_view reason = {});

    struct State;
    explicit WebSocket(State& state) : state_(state) {}

  private:
    State& state_;
};

}  // namespace gptoss::http

// A WebSocket to a server, as its client: whole binary messages, blocking, each wait bounded. One thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "provenance/s5/byte_view.h"

namespace gptoss::provenance::s5 {

class WebSocketClient {
  public:
    // ws:// or wss:// (with the system's certificates); a name before an @ says whose node it is and is not sent.
    // Throws Error(setting_invalid) for another URL, Error(network_failed) when it cannot be reached in time.
    WebSocketClient(const std::string& url, std::chrono::milliseconds limit);
    ~WebSocketClient();

    // Throws Error(network_failed) when the connection has ended, or takes nothing within `limit`.
    void send(ByteView message, std::chrono::milliseconds limit);
    // The next message, of at most kMessageBytesMax; nothing when none comes within `limit`. Throws the same.
    std::optional<Bytes> receive(std::chrono::milliseconds limit);

    static constexpr std::size_t kMessageBytesMax = 64 << 10;

    struct Transport;  // over TCP, or over TLS

  private:
    std::unique_ptr<Transport> transport_;
};

}  // namespace gptoss::provenance::s5

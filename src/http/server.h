// The HTTP/1.1 server: accepts connections, hands requests to the router, writes replies and event streams.
// Everything is asynchronous on a few threads: a waiting stream costs a timer and a buffer, not a thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "http/active_requests.h"
#include "http/api_keys.h"
#include "http/client_limits.h"
#include "http/meter.h"
#include "http/router.h"

namespace gptoss::http {

struct ServerOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8080;  // 0 = any free one
    int threads = 2;
    int most_connections = 8192;  // beyond these the one that waits the longest is closed
    std::size_t header_limit_bytes = limits::kHeaderBytes;
    std::size_t body_limit_bytes = std::size_t{32} << 20;  // 131,072 tokens are some 0.6 MB of English
    std::chrono::seconds idle_timeout{75};                 // between requests, and until a header is complete
    std::chrono::seconds body_timeout{60};                 // until a body is complete
    std::chrono::seconds write_timeout{30};  // until the client has taken one piece: slower ones are cut off
    std::chrono::seconds keep_alive_interval{
        15};  // a comment in silent streams, so that proxies keep them open
    std::vector<std::pair<std::string, std::string>> headers;  // of every reply
    std::string
        cors_origin;  // origins whose pages may call, comma-separated, or *; empty = no other origin's
    std::string allowed_hosts;  // names it is called by beside its address, comma-separated, or *
    std::size_t body_budget_bytes = std::size_t{256} << 20;  // of bodies held at once, over all connections
    int worker_threads = 2;  // that call handlers (http/workers), and as many that wait for a disk
    std::size_t worker_queue_limit = limits::kWaitingRequests;  // handlers that wait for them
    std::string tls_certificate_file, tls_key_file;             // PEM; both empty = plain HTTP
    ClientLimit client_limit;  // for keys without limits of their own, and addresses
};

struct ServerConfig;  // options, keys and certificate that are known to be good

class Server {
  public:
    // Listens when it returns. Throws Error(setting_invalid) for an address it cannot listen on. `router` and
    // `meter` must outlive the server.
    Server(ServerOptions options, const Router& router, const ApiKeys& keys, ReplyMeter& meter);
    ~Server();  // stop()

    std::uint16_t port() const;

    // For requests that begin from now on: everything but host, port, threads, workers, body budget and
    // most_connections. Reads the
    // certificate again. Throws what the constructor throws, and then nothing has changed.
    void reconfigure(ServerOptions options, ApiKeys keys) {
        apply(prepare(std::move(options), std::move(keys)));
    }
    // The same in two steps: what can fail, and what cannot.
    static std::shared_ptr<const ServerConfig> prepare(ServerOptions options, ApiKeys keys);
    void apply(std::shared_ptr<const ServerConfig> config) noexcept;

    ActiveRequests& active_requests();
    const ClientLimits& clients() const;

    // No new connections; connections that wait for a request are closed; replies under way go on and are
    // their connection's last.
    void drain();

    // Waits until no request is being answered, at most that long.
    bool wait_until_idle(std::chrono::milliseconds limit);

    // Closes all connections, which cancels their generations, and joins the threads.
    void stop();

    struct State;  // what the sessions share

  private:
    std::unique_ptr<State> state_;
};

}  // namespace gptoss::http

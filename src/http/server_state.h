// What a server's connections share.
#pragma once

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <unordered_set>
#include <vector>

#include "http/body_budget.h"
#include "http/connection.h"
#include "http/origin.h"
#include "http/read_pace.h"
#include "http/server.h"
#include "http/wake_list.h"
#include "http/workers.h"

namespace gptoss::http {

class Session;

// What can be changed while the server runs. A request keeps the one it began with.
struct ServerConfig {
    ServerOptions options;
    ApiKeys keys;
    OriginRules origin_rules;
    std::shared_ptr<boost::asio::ssl::context> tls;  // null: plain HTTP
};

// Guards the callbacks by which other threads (the engine's, a worker's, an operator's) wake a session. After
// close() none is running and later ones do nothing, so the server may go though others still hold them.
class WakeGate {
  public:
    template <typename Action>
    void pass(Action&& action) {
        const std::shared_lock lock(mutex_);
        if (open_) action();
    }
    void close() {
        const std::unique_lock lock(mutex_);
        open_ = false;
    }

  private:
    std::shared_mutex mutex_;
    bool open_ = true;
};

struct Server::State {
    State(std::shared_ptr<const ServerConfig> given_config, const Router& given_router,
          ReplyMeter& given_meter)
        : router(given_router),
          meter(given_meter),
          config(std::move(given_config)),
          bodies(config->options.body_budget_bytes, share_of_one_client(config->options)),
          workers({config->options.worker_threads, config->options.worker_queue_limit,
                   limits::kWaitingLargeRequests}) {}

    // Large bodies: a fifth of a core or less.
    static constexpr double kReadPace_bytes_per_s = 200e6;
    static constexpr std::size_t kReadBurst_bytes = std::size_t{32} << 20;

    // One client may hold a quarter of the bodies, but always one whole body.
    static std::size_t share_of_one_client(const ServerOptions& options) {
        return std::max(options.body_limit_bytes, options.body_budget_bytes / 4);
    }

    std::shared_ptr<const ServerConfig> current_config() const {
        const std::lock_guard lock(config_mutex);
        return config;
    }

    const Router& router;
    ReplyMeter& meter;
    ClientLimits clients;
    ActiveRequests active;

    mutable std::mutex config_mutex;
    std::shared_ptr<const ServerConfig> config;

    boost::asio::io_context context;
    // On a strand: draining closes it while a thread may be about to accept again.
    boost::asio::ip::tcp::acceptor acceptor{boost::asio::make_strand(context)};
    std::uint16_t port = 0;
    std::vector<std::thread> threads;
    std::atomic<bool> draining = false;
    const std::shared_ptr<WakeGate> wake_gate = std::make_shared<WakeGate>();
    WakeList woken;

    std::mutex mutex;
    std::unordered_set<Session*> sessions;  // those alive; each leaves by itself
    int requests_in_flight = 0;             // requests being answered
    std::condition_variable idle;

    BodyBudget bodies;
    ReadPace read_pace{kReadPace_bytes_per_s, kReadBurst_bytes};
    // Last: when they go, the jobs that still run are waited for.
    Workers workers;
};

// A request being answered, for as long as it lives: what draining waits for.
class CountedRequest {
  public:
    explicit CountedRequest(Server::State& server) : server_(server) {
        const std::lock_guard lock(server_.mutex);
        ++server_.requests_in_flight;
    }
    ~CountedRequest() {
        const std::lock_guard lock(server_.mutex);
        if (--server_.requests_in_flight == 0) server_.idle.notify_all();
    }
    CountedRequest(const CountedRequest&) = delete;
    CountedRequest& operator=(const CountedRequest&) = delete;

  private:
    Server::State& server_;
};

// Serves one connection until it ends.
void start_session(Server::State& server, boost::asio::ip::tcp::socket socket);

// Makes room for a connection: ends the one that has waited for a request the longest. False when none waits.
bool end_longest_waiting(Server::State& server);

// Closes all connections at once, or only those that wait for a request.
void close_sessions(Server::State& server, bool only_idle_ones);

}  // namespace gptoss::http

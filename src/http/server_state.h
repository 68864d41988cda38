// What a server's connections share. Only server.cpp and session.cpp know it.
#pragma once

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

#include "http/connection.h"
#include "http/server.h"

namespace gptoss::http {

class Session;

// What can be changed while the server runs. A request keeps the one it began with.
struct ServerConfig {
    ServerOptions options;
    ApiKeys keys;
    std::shared_ptr<boost::asio::ssl::context> tls;  // null: plain HTTP
};

// Where other threads (the engine's, an operator's) come in to wake a session. Once it is closed nobody is
// inside and nobody enters, so the server may go away though they still hold what they would have called.
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
        : router(given_router), meter(given_meter), config(std::move(given_config)) {}

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

    std::mutex mutex;
    std::unordered_set<Session*> sessions;  // those alive; each leaves by itself
    int exchanges = 0;                      // requests being answered
    std::condition_variable idle;
};

// Serves one connection until it ends.
void start_session(Server::State& server, boost::asio::ip::tcp::socket socket);

// Closes all connections at once, or only those that wait for a request.
void close_sessions(Server::State& server, bool only_idle_ones);

}  // namespace gptoss::http

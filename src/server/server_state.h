// What a server's connections share. Only server.cpp and session.cpp know it.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <vector>

#include "server/server.h"

namespace gptoss::server {

class Session;

struct Server::State {
    State(ServerOptions given_options, const Router& given_router, const ApiKeys& given_keys,
          Metrics& given_metrics)
        : options(std::move(given_options)), router(given_router), keys(given_keys), metrics(given_metrics) {}

    const ServerOptions options;
    const Router& router;
    const ApiKeys keys;
    Metrics& metrics;

    boost::asio::io_context context;
    boost::asio::ip::tcp::acceptor acceptor{context};
    std::uint16_t port = 0;
    std::vector<std::thread> threads;
    std::atomic<bool> draining = false;

    std::mutex mutex;
    std::unordered_set<Session*> sessions;  // those alive; each leaves by itself
    int exchanges = 0;                      // requests being answered
    std::condition_variable idle;
};

// Serves one connection until it ends.
void start_session(Server::State& server, boost::asio::ip::tcp::socket socket);

// Closes all connections at once, or only those that wait for a request.
void close_sessions(Server::State& server, bool only_idle_ones);

}  // namespace gptoss::server

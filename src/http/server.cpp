#include "http/server.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include "base/error.h"
#include "http/server_state.h"

namespace gptoss::http {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr int kUnread_bytes = 128 << 10;

void accept_next(Server::State& server) {
    // Every connection has a strand of its own: its coroutine, timer and socket never run at the same time.
    server.acceptor.async_accept(
        asio::make_strand(server.context), [&server](boost::system::error_code problem, tcp::socket socket) {
            if (problem == asio::error::operation_aborted) return;
            if (problem) {
                // Out of file descriptors, most likely. Accepting again at once would spin.
                spdlog::warn("cannot accept a connection: {}", problem.message());
                auto pause = std::make_shared<asio::steady_timer>(server.acceptor.get_executor(),
                                                                  std::chrono::milliseconds(100));
                pause->async_wait([&server, pause](boost::system::error_code) {
                    if (!server.draining) accept_next(server);
                });
                return;
            }
            bool full = false;
            {
                const std::lock_guard lock(server.mutex);
                full = server.sessions.size() >=
                       static_cast<std::size_t>(server.current_config()->options.most_connections);
            }
            if (full && !end_longest_waiting(server)) {
                spdlog::warn("refused a connection: {} are being answered already",
                             server.current_config()->options.most_connections);
            } else {
                start_session(server, std::move(socket));
            }
            if (!server.draining) accept_next(server);
        });
}

void listen(Server::State& server) {
    const ServerOptions options = server.current_config()->options;
    const std::string where = options.host + ":" + std::to_string(options.port);
    boost::system::error_code problem;
    const asio::ip::address address = asio::ip::make_address(options.host, problem);
    if (problem) {
        throw Error(ErrorCode::setting_invalid, "\"" + options.host + "\" is not an IP address to listen on",
                    "Use 127.0.0.1 for this machine alone, 0.0.0.0 for every network.");
    }
    const tcp::endpoint endpoint(address, options.port);
    server.acceptor.open(endpoint.protocol(), problem);
    if (!problem) server.acceptor.set_option(asio::socket_base::reuse_address(true), problem);
    // What the system holds unread of each connection, which would grow to megabytes: a thousand clients that send
    // faster than they are read would take all that it has for TCP, and everybody's packets were dropped.
    if (!problem) server.acceptor.set_option(asio::socket_base::receive_buffer_size(kUnread_bytes), problem);
    if (!problem) server.acceptor.bind(endpoint, problem);
    if (!problem) server.acceptor.listen(asio::socket_base::max_listen_connections, problem);
    if (problem) {
        throw Error(ErrorCode::setting_invalid, "cannot listen on " + where + ": " + problem.message(),
                    "Choose another port with API_PORT or --port.");
    }
    server.port = server.acceptor.local_endpoint().port();
}

std::shared_ptr<const ServerConfig> make_config(ServerOptions options, ApiKeys keys) {
    auto config = std::make_shared<ServerConfig>();
    if (!options.tls_certificate_file.empty())
        config->tls = make_tls_context(options.tls_certificate_file, options.tls_key_file);
    config->origin_rules = {options.host, list_of(options.allowed_hosts), list_of(options.cors_origin)};
    config->options = std::move(options);
    config->keys = std::move(keys);
    return config;
}

}  // namespace

Server::Server(ServerOptions options, const Router& router, const ApiKeys& keys, ReplyMeter& meter)
    : state_(std::make_unique<State>(make_config(std::move(options), keys), router, meter)) {
    listen(*state_);
    accept_next(*state_);
    for (int i = 0; i < state_->config->options.threads; ++i) {
        state_->threads.emplace_back([this] {
            pthread_setname_np(pthread_self(), "connections");  // what tools show
            state_->context.run();
        });
    }
}

Server::~Server() {
    stop();
}

std::uint16_t Server::port() const {
    return state_->port;
}

std::shared_ptr<const ServerConfig> Server::prepare(ServerOptions options, ApiKeys keys) {
    return make_config(std::move(options), std::move(keys));
}

void Server::apply(std::shared_ptr<const ServerConfig> config) noexcept {
    const std::lock_guard lock(state_->config_mutex);
    state_->config = std::move(config);
}

ActiveRequests& Server::active_requests() {
    return state_->active;
}

const ClientLimits& Server::clients() const {
    return state_->clients;
}

void Server::drain() {
    State& server = *state_;
    if (server.draining.exchange(true)) return;
    asio::post(server.acceptor.get_executor(), [&server] {
        boost::system::error_code ignored;
        server.acceptor.close(ignored);
    });
    close_sessions(server, true);
}

bool Server::wait_until_idle(std::chrono::milliseconds limit) {
    std::unique_lock lock(state_->mutex);
    return state_->idle.wait_for(lock, limit, [this] { return state_->requests_in_flight == 0; });
}

void Server::stop() {
    drain();
    close_sessions(*state_, false);
    // With the listener and all connections closed the context runs out of work, and the threads return.
    for (std::thread& thread : state_->threads) thread.join();
    state_->threads.clear();
    // The engine may have been waking a session just then: what it left here is the last that holds one.
    state_->wake_gate->close();
    state_->context.restart();
    state_->context.poll();
}

}  // namespace gptoss::http

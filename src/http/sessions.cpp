// All connections of a server: beginning one, ending some.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "http/session.h"

namespace gptoss::http {

namespace asio = boost::asio;
using asio::ip::tcp;

void start_session(Server::State& server, tcp::socket socket) {
    auto session = std::make_shared<Session>(server, std::move(socket));
    // The lambda, and with it the session, lives as long as its coroutine.
    asio::co_spawn(
        session->executor(), [session]() -> asio::awaitable<void> { co_await session->run(); },
        asio::detached);
}

bool end_longest_waiting(Server::State& server) {
    std::shared_ptr<Session> chosen;
    {
        const std::lock_guard lock(server.mutex);
        Session* oldest = nullptr;
        for (Session* session : server.sessions)
            if (session->waits_since() != 0 &&
                (oldest == nullptr || session->waits_since() < oldest->waits_since()))
                oldest = session;
        if (oldest == nullptr || oldest->waits_since(true) == 0) return false;
        chosen = oldest->weak_from_this().lock();
    }
    if (chosen) chosen->close(true);
    return true;
}

void close_sessions(Server::State& server, bool only_idle_ones) {
    // A session that ends at this moment lives until the list is gone, and then takes the mutex to leave: the
    // list must not be destroyed under it.
    std::vector<std::shared_ptr<Session>> alive;
    {
        const std::lock_guard lock(server.mutex);
        for (Session* session : server.sessions) {
            if (auto shared = session->weak_from_this().lock()) alive.push_back(std::move(shared));
        }
    }
    for (const auto& session : alive) session->close(only_idle_ones);
}

}  // namespace gptoss::http

// One connection's life: reads a request, sends it through the chain, calls its handler, writes the answer,
// and again. Everything runs on the connection's strand except wake(), which any thread may call.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "http/chain.h"
#include "http/connection.h"
#include "http/reply_writer.h"
#include "http/request_reader.h"
#include "http/server_state.h"

namespace gptoss::http {

class Session : public std::enable_shared_from_this<Session> {
  public:
    Session(Server::State& server, boost::asio::ip::tcp::socket socket);
    ~Session();

    boost::asio::awaitable<void> run();
    auto executor() { return connection_.executor(); }

    // Any thread.
    void close(bool only_if_idle);
    // Since when it waits for a request to begin or for the rest of a header, as the clock counts; 0 = it does
    // not. With `forget` it is reported only once.
    std::int64_t waits_since(bool forget = false) {
        return forget ? waits_since_.exchange(0) : waits_since_.load();
    }

  private:
    // Reads a request and answers it. False when the connection ends.
    boost::asio::awaitable<bool> serve_one();
    // By value: the request leaves its client's places before it stops counting as one that is answered.
    boost::asio::awaitable<bool> answer(RequestContext context);
    boost::asio::awaitable<bool> take_over(RequestContext& context);

    // Reads the body. False when that failed; `reply` then says why to the client, if it is still there.
    boost::asio::awaitable<bool> read_body(RequestContext& context, std::optional<api::HttpResponse>& reply);

    // Calls the route's handler, here or on a worker. Nothing when the client went away meanwhile.
    boost::asio::awaitable<std::optional<api::HandlerResult>> handle(RequestContext& context);
    boost::asio::awaitable<std::optional<api::HandlerResult>> handle_on_worker(RequestContext& context);

    // Waits for a response stream's pieces and writes them. Leaving destroys the response stream, which cancels what still
    // runs.
    boost::asio::awaitable<bool> converse(api::ResponseStream& response_stream, RequestContext& context);

    // A request that could not be read, or whose body nobody wants: the reply, and then the connection's end.
    boost::asio::awaitable<void> refuse_and_close(api::HttpResponse reply);

    RequestContext make_context(HttpRequest request);
    void set_manner(const RequestContext& context);
    void finish(const RequestContext& context, int status);  // meter and log

    std::function<void()> wake_function();
    static void wake(std::shared_ptr<Session> self);
    boost::asio::awaitable<void> wait_for_signal(std::chrono::milliseconds limit);
    void watch_for_disconnect();
    boost::asio::awaitable<bool> watch_is_over();

    Server::State& server_;
    std::shared_ptr<const ServerConfig> config_;  // as it was when the request began
    Connection connection_;
    RequestReader reader_;
    ReplyWriter writer_;
    boost::asio::steady_timer signal_;  // cancelled to say: look again
    bool watching_ = false;             // a read is under way beside an answer
    bool signalled_ = false;
    bool gone_ = false;     // the client is, or the server wants to be
    bool closing_ = false;  // no further request on this connection
    bool waits_for_request_ = false;
    std::atomic<std::int64_t> waits_since_ = 0;
};

}  // namespace gptoss::http

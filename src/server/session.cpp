#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "api/error_reply.h"
#include "server/server_state.h"

namespace gptoss::server {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using Task = asio::awaitable<void>;
using Parser = http::request_parser<http::string_body>;

namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kLingering{2};

api::Reply error_reply(const Error& error, int status) {
    api::Reply reply = api::json_reply(api::openai_error(error), status);
    if (const auto wait_s = api::retry_after_s(error))
        reply.headers.emplace_back("Retry-After", std::to_string(*wait_s));
    if (status == 401) reply.headers.emplace_back("WWW-Authenticate", "Bearer");
    return reply;
}

api::Reply error_reply(const Error& error) {
    return error_reply(error, api::http_status(error.code()));
}

// A request being answered, for as long as it lives: what draining waits for.
class CountedExchange {
  public:
    explicit CountedExchange(Server::State& server) : server_(server) {
        const std::lock_guard lock(server_.mutex);
        ++server_.exchanges;
    }
    ~CountedExchange() {
        const std::lock_guard lock(server_.mutex);
        if (--server_.exchanges == 0) server_.idle.notify_all();
    }
    CountedExchange(const CountedExchange&) = delete;
    CountedExchange& operator=(const CountedExchange&) = delete;

  private:
    Server::State& server_;
};

}  // namespace

// One connection. Everything runs on its strand except wake(), which any thread may call.
class Session : public std::enable_shared_from_this<Session> {
  public:
    Session(Server::State& server, tcp::socket socket)
        : server_(server), stream_(std::move(socket)), signal_(stream_.get_executor()) {
        boost::system::error_code ignored;
        stream_.socket().set_option(tcp::no_delay(true), ignored);
        const tcp::endpoint peer = stream_.socket().remote_endpoint(ignored);
        address_ = peer.address().to_string(ignored);
        const std::lock_guard lock(server_.mutex);
        server_.sessions.insert(this);
    }

    ~Session() {
        const std::lock_guard lock(server_.mutex);
        server_.sessions.erase(this);
    }

    Task run() {
        bool goes_on = true;
        while (goes_on && !closing_ && !server_.draining) goes_on = co_await serve_one();
        boost::system::error_code ignored;
        stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
        stream_.socket().close(ignored);
    }

    auto executor() { return stream_.get_executor(); }

    void close(bool only_if_idle) {
        asio::post(stream_.get_executor(), [self = shared_from_this(), only_if_idle] {
            self->closing_ = true;
            if (only_if_idle && !self->waits_for_request_) return;
            self->gone_ = true;
            self->signal_.cancel();
            boost::system::error_code ignored;
            self->stream_.socket().close(ignored);
        });
    }

  private:
    // Reads a request and answers it. False when the connection ends.
    asio::awaitable<bool> serve_one() {
        Parser parser;
        parser.header_limit(static_cast<std::uint32_t>(server_.options.header_limit_bytes));
        parser.body_limit(server_.options.body_limit_bytes);
        waits_for_request_ = true;
        stream_.expires_after(server_.options.idle_timeout);
        auto [problem, size] = co_await http::async_read_header(stream_, buffer_, parser, kTuple);
        waits_for_request_ = false;
        if (!problem) {
            stream_.expires_after(server_.options.body_timeout);
            if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
                co_await write(std::string("HTTP/1.1 100 Continue\r\n\r\n"));
            }
            auto [body_problem, body_size] = co_await http::async_read(stream_, buffer_, parser, kTuple);
            problem = body_problem;
        }
        stream_.expires_never();
        if (problem) {
            co_await refuse(problem);
            co_return false;
        }
        keep_alive_ = parser.get().keep_alive();
        chunked_ = parser.get().version() >= 11;
        head_only_ = parser.get().method() == http::verb::head;
        const CountedExchange counted(server_);
        const bool sent = co_await answer(parser);
        co_return sent&& keep_alive_ && !server_.draining;
    }

    // A request that could not be read. Nothing is said to a connection that merely ended.
    Task refuse(boost::system::error_code problem) {
        int status = 400;
        std::string message = "The request is not valid HTTP/1.1.";
        if (problem == http::error::body_limit) {
            status = 413;
            message =
                "The body is larger than " + std::to_string(server_.options.body_limit_bytes) + " bytes.";
        } else if (problem == http::error::header_limit) {
            status = 431;
            message =
                "The header is larger than " + std::to_string(server_.options.header_limit_bytes) + " bytes.";
        } else if (problem.category() != http::make_error_code(http::error::bad_method).category() ||
                   problem == http::error::end_of_stream || problem == http::error::partial_message) {
            co_return;
        }
        keep_alive_ = false;
        const api::Reply reply = error_reply(Error(ErrorCode::request_invalid, message), status);
        server_.metrics.on_reply("(unreadable)", status);
        co_await write_reply(reply);
        // Closing with unread bytes would reset the connection and take the reply with it.
        boost::system::error_code ignored;
        stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
        stream_.expires_after(kLingering);
        for (;;) {
            buffer_.clear();
            auto [rest, size] = co_await stream_.async_read_some(buffer_.prepare(65536), kTuple);
            if (rest) break;
        }
    }

    asio::awaitable<bool> answer(Parser& parser) {
        HttpRequest request;
        request.method = std::string(parser.get().method_string());
        request.path = path_of({parser.get().target().data(), parser.get().target().size()});
        request.body = std::move(parser.get().body());
        request.if_none_match = std::string(parser.get()[http::field::if_none_match]);
        const Router::Match match = server_.router.find(request);
        const std::string label = match.route != nullptr ? match.route->path : "(none)";

        api::Answer answer;
        if (request.method == "OPTIONS" && !server_.options.cors_origin.empty()) {
            answer = preflight();
        } else {
            answer = handle(match, request, parser.get()[http::field::authorization]);
        }
        if (auto* exchange = std::get_if<std::unique_ptr<api::Exchange>>(&answer)) {
            const std::unique_ptr<api::Exchange> owned = std::move(*exchange);
            co_return co_await converse(*owned, label);
        }
        const api::Reply& reply = std::get<api::Reply>(answer);
        server_.metrics.on_reply(label, reply.status);
        co_return co_await write_reply(reply);
    }

    api::Answer handle(const Router::Match& match, const HttpRequest& request,
                       beast::string_view authorization) {
        try {
            if (match.route == nullptr && match.allowed_methods.empty()) {
                throw Error(ErrorCode::not_found,
                            "There is no " + request.method + " " + request.path + " here.");
            }
            if (match.route == nullptr) {
                api::Reply reply = error_reply(
                    Error(ErrorCode::request_invalid, request.path + " takes " + match.allowed_methods + "."),
                    405);
                reply.headers.emplace_back("Allow", match.allowed_methods);
                return reply;
            }
            api::Caller caller{address_, [weak = weak_from_this()] {
                                   if (auto self = weak.lock()) wake(std::move(self));
                               }};
            if (server_.keys.required() && !match.route->open) {
                const auto name =
                    server_.keys.name_of(bearer_key({authorization.data(), authorization.size()}));
                if (!name) throw Error(ErrorCode::unauthorized, "The API key is missing or wrong.");
                caller.name = *name;
            }
            return match.route->handler(request, caller);
        } catch (const Error& error) {
            return error_reply(error);
        } catch (const std::exception& problem) {
            spdlog::error("{} {}: {}", request.method, request.path, problem.what());
            return api::json_reply({{"error", {{"message", "The server failed."}, {"type", "server_error"}}}},
                                   500);
        }
    }

    api::Reply preflight() const {
        api::Reply reply;
        reply.status = 204;
        reply.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
        reply.headers.emplace_back("Access-Control-Allow-Headers", "Authorization, Content-Type");
        return reply;
    }

    // Waits for an exchange's pieces and writes them. Leaving destroys the exchange, which cancels what still
    // runs.
    asio::awaitable<bool> converse(api::Exchange& exchange, const std::string& label) {
        watch_for_disconnect();
        bool intact = true;
        if (exchange.streams()) {
            server_.metrics.on_reply(label, 200);
            intact = co_await write(stream_header());
        }
        while (intact && !gone_) {
            signalled_ = false;
            api::Exchange::Output output = exchange.take();
            if (!output.piece.empty()) intact = co_await write(framed(output.piece));
            if (!intact) break;
            if (output.finished) {
                stop_watching_.emit(asio::cancellation_type::all);
                if (exchange.streams()) co_return co_await end_stream();
                server_.metrics.on_reply(label, output.reply.status);
                co_return co_await write_reply(output.reply);
            }
            if (signalled_) continue;
            // Everything that comes in until the timer is cancelled goes out in one write.
            signal_.expires_after(server_.options.keep_alive_interval);
            co_await signal_.async_wait(kTuple);
            if (!signalled_ && !gone_ && exchange.streams())
                intact = co_await write(framed(": keep-alive\n\n"));
        }
        if (!exchange.streams())
            server_.metrics.on_reply(label, 499);  // as others count clients that went away
        co_return false;
    }

    static void wake(std::shared_ptr<Session> self) {
        const auto executor = self->stream_.get_executor();
        asio::post(executor, [self = std::move(self)] {
            self->signalled_ = true;
            self->signal_.cancel();
        });
    }

    // A client that closes its side while we work does not want the answer any more.
    void watch_for_disconnect() {
        stream_.socket().async_wait(
            tcp::socket::wait_read,
            asio::bind_cancellation_slot(
                stop_watching_.slot(), [self = shared_from_this()](boost::system::error_code problem) {
                    if (problem) return;
                    char byte = 0;
                    const auto size =
                        ::recv(self->stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
                    if (size > 0) return;  // the next request, sent ahead: it will be read in its turn
                    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
                        return self->watch_for_disconnect();
                    self->gone_ = true;
                    self->signal_.cancel();
                }));
    }

    asio::awaitable<bool> write(std::string bytes) {
        stream_.expires_after(server_.options.write_timeout);
        auto [problem, size] = co_await asio::async_write(stream_, asio::buffer(bytes), kTuple);
        stream_.expires_never();
        co_return !problem;
    }

    // One chunk of the chunked coding; HTTP/1.0 has none, there the connection's end is the stream's end.
    std::string framed(const std::string& piece) const {
        if (!chunked_) return piece;
        char size[2 * sizeof(std::size_t) + sizeof "\r\n"];
        std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
        return size + piece + "\r\n";
    }

    asio::awaitable<bool> end_stream() {
        if (!chunked_) {
            keep_alive_ = false;
            co_return true;
        }
        co_return co_await write(std::string("0\r\n\r\n"));
    }

    template <class Body>
    void add_common_fields(http::response<Body>& response) const {
        response.set(http::field::server, "gpt-oss-node/" GPTOSS_VERSION);
        if (!server_.options.cors_origin.empty()) {
            response.set(http::field::access_control_allow_origin, server_.options.cors_origin);
        }
        response.keep_alive(keep_alive_ && !server_.draining);
    }

    std::string stream_header() {
        http::response<http::empty_body> response(http::status::ok, chunked_ ? 11 : 10);
        add_common_fields(response);
        response.set(http::field::content_type, "text/event-stream; charset=utf-8");
        response.set(http::field::cache_control, "no-cache");
        response.set("X-Accel-Buffering", "no");  // asks nginx not to collect the stream
        if (chunked_) {
            response.chunked(true);
        } else {
            response.keep_alive(false);
        }
        std::ostringstream text;
        text << response.base();
        return std::move(text).str();
    }

    asio::awaitable<bool> write_reply(const api::Reply& reply) {
        http::response<http::string_body> response(static_cast<http::status>(reply.status),
                                                   chunked_ ? 11 : 10);
        add_common_fields(response);
        if (!reply.body.empty()) response.set(http::field::content_type, reply.content_type);
        for (const auto& [name, value] : reply.headers) response.set(name, value);
        response.content_length(reply.body.size());
        if (!head_only_) response.body() = reply.body;
        http::response_serializer<http::string_body> serializer(response);
        stream_.expires_after(server_.options.write_timeout);
        auto [problem, size] = co_await http::async_write(stream_, serializer, kTuple);
        stream_.expires_never();
        co_return !problem;
    }

    Server::State& server_;
    beast::tcp_stream stream_;
    beast::flat_buffer buffer_;
    std::string address_;
    asio::steady_timer signal_;  // cancelled to say: look again
    asio::cancellation_signal stop_watching_;
    bool signalled_ = false;
    bool gone_ = false;     // the client is, or the server wants to be
    bool closing_ = false;  // no further request on this connection
    bool waits_for_request_ = false;
    bool keep_alive_ = true;
    bool chunked_ = true;
    bool head_only_ = false;
};

void start_session(Server::State& server, tcp::socket socket) {
    auto session = std::make_shared<Session>(server, std::move(socket));
    // The lambda, and with it the session, lives as long as its coroutine.
    asio::co_spawn(
        session->executor(), [session]() -> Task { co_await session->run(); }, asio::detached);
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

}  // namespace gptoss::server

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/write.hpp>  // the header as text

#include "http/connection.h"
#include "http/replies.h"
#include "http/request_log.h"
#include "http/server_sent_events.h"
#include "http/server_state.h"

namespace gptoss::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace beast_http = beast::http;
using asio::ip::tcp;
using Task = asio::awaitable<void>;
using Parser = Connection::Parser;

namespace {

constexpr std::chrono::seconds kLingering{2};
constexpr std::chrono::seconds kHandshake{10};
constexpr std::string_view kRequestIdField = "X-Request-Id";

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

// A request's turn: what is known of it, and its place among its client's requests.
struct Turn {
    std::shared_ptr<ActiveRequest> record;
    ClientLimits::Admission admission;
};

}  // namespace

// One connection. Everything runs on its strand except wake(), which any thread may call.
class Session : public std::enable_shared_from_this<Session> {
  public:
    Session(Server::State& server, tcp::socket socket)
        : server_(server),
          config_(server.current_config()),
          connection_(std::move(socket), config_->tls),
          signal_(connection_.executor()) {
        const std::lock_guard lock(server_.mutex);
        server_.sessions.insert(this);
    }

    ~Session() {
        const std::lock_guard lock(server_.mutex);
        server_.sessions.erase(this);
    }

    Task run() {
        connection_.expires_after(kHandshake);
        bool goes_on = !co_await connection_.handshake();
        connection_.expires_never();
        while (goes_on && !closing_ && !server_.draining) goes_on = co_await serve_one();
        co_await connection_.close();
    }

    auto executor() { return connection_.executor(); }

    void close(bool only_if_idle) {
        asio::post(executor(), [self = shared_from_this(), only_if_idle] {
            self->closing_ = true;
            if (only_if_idle && !self->waits_for_request_) return;
            self->gone_ = true;
            self->signal_.cancel();
            self->connection_.abort();
        });
    }

  private:
    // Reads a request and answers it. False when the connection ends.
    asio::awaitable<bool> serve_one() {
        waits_for_request_ = true;
        if (!co_await watch_is_over()) co_return false;
        Parser parser;
        parser.header_limit(static_cast<std::uint32_t>(config_->options.header_limit_bytes));
        parser.body_limit(config_->options.body_limit_bytes);
        connection_.expires_after(config_->options.idle_timeout);
        auto problem = co_await connection_.read_header(buffer_, parser);
        waits_for_request_ = false;
        if (!problem) {
            config_ = server_.current_config();  // waiting may have taken long
            connection_.expires_after(config_->options.body_timeout);
            if (beast::iequals(parser.get()[beast_http::field::expect], "100-continue"))
                co_await write("HTTP/1.1 100 Continue\r\n\r\n");
            problem = co_await connection_.read_body(buffer_, parser);
        }
        connection_.expires_never();
        request_id_ = request_id_of(std::string(parser.get()[beast::string_view(kRequestIdField)]));
        if (problem) {
            co_await refuse(problem);
            co_return false;
        }
        keep_alive_ = parser.get().keep_alive();
        chunked_ = parser.get().version() >= 11;
        head_only_ = parser.get().method() == beast_http::verb::head;
        const CountedExchange counted(server_);
        const bool sent = co_await answer(parser);
        co_return sent&& keep_alive_ && !server_.draining;
    }

    // A request that could not be read. Nothing is said to a connection that merely ended.
    Task refuse(boost::system::error_code problem) {
        const std::optional<api::Reply> reply = unreadable_reply(problem, config_->options);
        if (!reply) co_return;
        keep_alive_ = false;
        server_.meter.on_reply("(unreadable)", reply->status);
        co_await write_reply(*reply);
        // Closing with unread bytes would reset the connection and take the reply with it.
        connection_.end_sending();
        connection_.expires_after(kLingering);
        do {
            buffer_.clear();
        } while (!(co_await connection_.read_some(buffer_)).problem);
        connection_.abort();
    }

    asio::awaitable<bool> answer(Parser& parser) {
        HttpRequest request;
        request.method = std::string(parser.get().method_string());
        request.path = path_of({parser.get().target().data(), parser.get().target().size()});
        request.body = std::move(parser.get().body());
        request.if_none_match = std::string(parser.get()[beast_http::field::if_none_match]);
        const Router::Match match = server_.router.find(request);
        const std::string label = match.route != nullptr ? match.route->path : "(none)";
        Turn turn;
        turn.record = std::make_shared<ActiveRequest>();
        turn.record->id = request_id_;
        turn.record->client = connection_.peer_address();
        turn.record->method = request.method;
        turn.record->path = label;
        turn.record->wake = [gate = server_.wake_gate, weak = weak_from_this()] {
            gate->pass([&] {
                if (auto self = weak.lock()) wake(std::move(self));
            });
        };
        const api::Answer answer =
            request.method == "OPTIONS" && !config_->options.cors_origin.empty()
                ? preflight_reply()
                : handle(match, request, parser.get()[beast_http::field::authorization], turn);
        if (const auto* exchange = std::get_if<std::unique_ptr<api::Exchange>>(&answer)) {
            server_.active.add(turn.record);
            const bool intact = co_await converse(**exchange, turn, label);
            turn.admission.finish(turn.record->prompt_tokens, turn.record->completion_tokens);
            server_.active.remove(turn.record);
            co_return intact;
        }
        const api::Reply& reply = std::get<api::Reply>(answer);
        count(label, *turn.record, reply.status);
        co_return co_await write_reply(reply);
    }

    void count(const std::string& label, const ActiveRequest& record, int status) {
        server_.meter.on_reply(label, status);
        log_request(record, status);
    }

    api::Answer handle(const Router::Match& match, const HttpRequest& request,
                       beast::string_view authorization, Turn& turn) {
        try {
            if (match.route == nullptr && match.allowed_methods.empty()) {
                throw Error(ErrorCode::not_found,
                            "There is no " + request.method + " " + request.path + " here.");
            }
            if (match.route == nullptr) return method_reply(request.path, match.allowed_methods);
            ClientLimit limit = config_->options.client_limit;
            if (config_->keys.required() && !match.route->open) {
                const ApiKeys::Key* key =
                    config_->keys.find(bearer_key({authorization.data(), authorization.size()}));
                if (key == nullptr) throw Error(ErrorCode::unauthorized, "The API key is missing or wrong.");
                turn.record->client = key->name;
                limit = key->limit.value_or(limit);
            }
            // What is only looked at is free: a scrape must not take a user's place.
            if (request.method == "POST" && !match.route->open)
                turn.admission = server_.clients.admit(turn.record->client, limit);
            return match.route->handler(request, {turn.record->client, turn.record->wake});
        } catch (const Error& error) {
            return error_reply(error);
        } catch (const std::exception& problem) {
            spdlog::error("{} {}: {}", request.method, match.route->path, problem.what());
            return api::json_reply({{"error", {{"message", "The server failed."}, {"type", "server_error"}}}},
                                   500);
        }
    }

    // Waits for an exchange's pieces and writes them. Leaving destroys the exchange, which cancels what still
    // runs.
    asio::awaitable<bool> converse(api::Exchange& exchange, Turn& turn, const std::string& label) {
        watch_for_disconnect();
        bool intact = true;
        if (exchange.streams()) {
            server_.meter.on_reply(label, 200);
            intact = co_await write(stream_header(exchange));
        }
        ActiveRequest& record = *turn.record;
        while (intact && !gone_) {
            signalled_ = false;
            if (record.cancelled.exchange(false)) exchange.cancel();
            api::Exchange::Output output = exchange.take();
            const api::Exchange::Spent spent = exchange.spent();
            record.prompt_tokens = spent.prompt_tokens;
            record.cached_tokens = spent.cached_tokens;
            record.completion_tokens = spent.completion_tokens;
            // Before the last bytes go: whoever has them may ask again at once.
            if (output.finished) turn.admission.finish(record.prompt_tokens, record.completion_tokens);
            if (!output.events.empty()) intact = co_await write(framed(server_sent_events(output.events)));
            if (!intact) break;
            if (output.finished) {
                if (exchange.streams()) {
                    log_request(record, 200);
                    co_return co_await end_stream();
                }
                count(label, record, output.reply.status);
                co_return co_await write_reply(output.reply);
            }
            if (signalled_) continue;
            // Everything that comes in until the timer is cancelled goes out in one write.
            signal_.expires_after(config_->options.keep_alive_interval);
            co_await signal_.async_wait(kTuple);
            if (!signalled_ && !gone_ && exchange.streams())
                intact = co_await write(framed(sign_of_life(exchange)));
        }
        constexpr int kClientWentAway = 499;  // as others count them
        if (!exchange.streams()) server_.meter.on_reply(label, kClientWentAway);
        log_request(record, kClientWentAway);
        co_return false;
    }

    static std::string sign_of_life(const api::Exchange& exchange) {
        const api::Events events = exchange.keep_alive();
        return events.empty() ? std::string(kKeepAliveComment) : server_sent_events(events);
    }

    static void wake(std::shared_ptr<Session> self) {
        const auto executor = self->executor();
        asio::post(executor, [self = std::move(self)] {
            self->signalled_ = true;
            self->signal_.cancel();
        });
    }

    // A client that closes its side while we work does not want the answer any more. What it sends ahead is
    // the next request's beginning, so the read is not called back when the answer is done: the next request
    // waits for it.
    void watch_for_disconnect() {
        if (buffer_.size() > 0) return;  // sent ahead already: this client is there
        watching_ = true;
        asio::co_spawn(
            executor(),
            [self = shared_from_this()]() -> Task {
                const Connection::Piece piece = co_await self->connection_.read_some(self->buffer_);
                self->watching_ = false;
                if (piece.problem) self->gone_ = true;
                self->buffer_.commit(piece.problem ? 0 : piece.size_bytes);
                self->signal_.cancel();
            },
            asio::detached);
    }

    // Waits until that read has brought something. False when the client is gone or silent for too long.
    asio::awaitable<bool> watch_is_over() {
        const auto deadline = std::chrono::steady_clock::now() + config_->options.idle_timeout;
        while (watching_ && !gone_ && std::chrono::steady_clock::now() < deadline) {
            signal_.expires_at(deadline);
            co_await signal_.async_wait(kTuple);
        }
        co_return !watching_ && !gone_;
    }

    asio::awaitable<bool> write(std::string bytes) {
        connection_.expires_after(config_->options.write_timeout);
        const auto problem = co_await connection_.write(bytes);
        connection_.expires_never();
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
    void add_common_fields(beast_http::response<Body>& response) const {
        response.set(beast_http::field::server, "gpt-oss-node/" GPTOSS_VERSION);
        response.set(beast::string_view(kRequestIdField), request_id_);
        if (!config_->options.cors_origin.empty()) {
            response.set(beast_http::field::access_control_allow_origin, config_->options.cors_origin);
            response.set(beast_http::field::access_control_expose_headers,
                         beast::string_view(kRequestIdField));
        }
        response.keep_alive(keep_alive_ && !server_.draining);
    }

    std::string stream_header(const api::Exchange& exchange) {
        beast_http::response<beast_http::empty_body> response(beast_http::status::ok, chunked_ ? 11 : 10);
        add_common_fields(response);
        response.set(beast_http::field::content_type, "text/event-stream; charset=utf-8");
        response.set(beast_http::field::cache_control, "no-cache");
        response.set("X-Accel-Buffering", "no");  // asks nginx not to collect the stream
        for (const auto& [name, value] : exchange.headers()) response.set(name, value);
        if (chunked_) {
            response.chunked(true);
        } else {
            response.keep_alive(false);
        }
        return header_text(response.base());
    }

    static std::string header_text(const beast_http::response_header<>& header) {
        std::ostringstream text;
        text << header;
        return std::move(text).str();
    }

    asio::awaitable<bool> write_reply(const api::Reply& reply) {
        beast_http::response<beast_http::empty_body> response(static_cast<beast_http::status>(reply.status),
                                                              chunked_ ? 11 : 10);
        add_common_fields(response);
        if (!reply.body.empty()) response.set(beast_http::field::content_type, reply.content_type);
        for (const auto& [name, value] : reply.headers) response.set(name, value);
        response.content_length(reply.body.size());
        std::string bytes = header_text(response.base());
        if (!head_only_) bytes += reply.body;
        co_return co_await write(std::move(bytes));
    }

    Server::State& server_;
    std::shared_ptr<const ServerConfig> config_;  // as it was when the request began
    Connection connection_;
    beast::flat_buffer buffer_;
    asio::steady_timer signal_;  // cancelled to say: look again
    std::string request_id_;
    bool watching_ = false;  // a read is under way beside an answer
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

}  // namespace gptoss::http

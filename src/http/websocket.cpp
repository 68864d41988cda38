#include "http/websocket.h"

#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <memory>

#include "base/limits.h"
#include "base/stream_parts.h"

namespace gptoss::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;

namespace {

constexpr std::chrono::seconds kClosingLimit{10};  // also of closing
constexpr std::size_t kFramePiece_bytes = 65'536;
constexpr std::chrono::milliseconds kUntilEnded{100};

using Problem = Connection::Problem;

}  // namespace

// The connection as Beast wants a stream: first the bytes that came with the header, then the socket's.
class ConnectionStream {
  public:
    using executor_type = asio::any_io_executor;

    ConnectionStream(Connection& connection, beast::flat_buffer& unread)
        : connection_(connection), unread_(unread) {}

    executor_type get_executor() noexcept { return connection_.executor(); }

    template <class Buffers, class Handler>
    void async_read_some(const Buffers& room, Handler&& handler) {
        if (unread_.size() > 0) {
            const std::size_t size_bytes = asio::buffer_copy(room, unread_.data());
            unread_.consume(size_bytes);
            asio::post(get_executor(),
                       beast::bind_front_handler(std::forward<Handler>(handler), Problem(), size_bytes));
            return;
        }
        connection_.async_read_some(first_parts<asio::mutable_buffer, 1>(asio::buffer_sequence_begin(room),
                                                                         asio::buffer_sequence_end(room))[0],
                                    copyable_call(std::forward<Handler>(handler)));
    }

    template <class Buffers, class Handler>
    void async_write_some(const Buffers& bytes, Handler&& handler) {
        connection_.async_write_some(
            first_parts<asio::const_buffer, Connection::kParts>(asio::buffer_sequence_begin(bytes),
                                                                asio::buffer_sequence_end(bytes)),
            copyable_call(std::forward<Handler>(handler)));
    }

    void abort() { connection_.abort(); }

  private:
    Connection& connection_;
    beast::flat_buffer& unread_;
};

// What Beast calls by these names. The session closes the connection.
void beast_close_socket(ConnectionStream& stream) {
    stream.abort();
}
template <class Handler>
void async_teardown(beast::role_type, ConnectionStream& stream, Handler&& handler) {
    asio::post(stream.get_executor(), beast::bind_front_handler(std::forward<Handler>(handler), Problem()));
}
[[maybe_unused]] static void teardown(beast::role_type, ConnectionStream&, Problem& problem) {
    problem = {};
}

struct WebSocket::State {
    explicit State(UpgradedConnection& given)
        : upgraded(given),
          stream(given.connection, given.unread),
          room(given.connection.executor()),
          buffer(given.options.body_limit_bytes + kFramePiece_bytes) {
        stream.set_option(websocket::stream_base::timeout{kClosingLimit, given.options.idle_timeout,
                                                          true /* pings at half of it */});
        stream.set_option(websocket::stream_base::decorator([this](websocket::response_type& response) {
            for (const auto& [name, value] : upgraded.reply_fields) response.insert(name, value);
        }));
        stream.read_message_max(given.options.body_limit_bytes);
        stream.auto_fragment(false);
        stream.text(true);
    }

    void tell() {
        upgraded.signalled = true;
        upgraded.signal.cancel();
    }

    asio::awaitable<bool> accept();
    asio::awaitable<void> read_messages();
    asio::awaitable<std::optional<Message>> read_message();
    asio::awaitable<void> close(std::uint16_t code, std::string_view reason);

    UpgradedConnection& upgraded;
    websocket::stream<ConnectionStream> stream;
    asio::steady_timer room;  // cancelled when there is room for another message
    beast::flat_buffer buffer;
    std::deque<Message> messages;
    bool is_open = false;
    bool reading = false;
};

asio::awaitable<bool> WebSocket::State::accept() {
    beast::http::request<beast::http::empty_body> request(beast::http::verb::get, "/", 11);
    request.set(beast::http::field::host, upgraded.request.authority);
    request.set(beast::http::field::upgrade, "websocket");
    request.set(beast::http::field::connection, "upgrade");
    for (const char* name : {"Sec-WebSocket-Key", "Sec-WebSocket-Version"})
        request.set(name, std::string(upgraded.request.headers.value(name)));
    const auto [problem] = co_await stream.async_accept(request, kTuple);
    co_return !problem;
}

// Nothing when the connection has ended, or was ended because of what came.
asio::awaitable<std::optional<WebSocket::Message>> WebSocket::State::read_message() {
    Message message{{}, BodyBudget::Share(upgraded.bodies, upgraded.caller.name)};
    do {
        const auto [problem, size_bytes] = co_await stream.async_read_some(buffer, kFramePiece_bytes, kTuple);
        if (problem) co_return std::nullopt;
        if (!stream.got_text()) {
            co_await close(not_text, "Messages must be text.");
            co_return std::nullopt;
        }
        if (!message.share.grow(size_bytes)) {
            co_await close(try_again_later, "The server holds too many bytes of requests already.");
            co_return std::nullopt;
        }
    } while (!stream.is_message_done());
    message.text = beast::buffers_to_string(buffer.data());
    buffer.consume(buffer.size());
    co_return message;
}

asio::awaitable<void> WebSocket::State::read_messages() {
    while (is_open) {
        auto message = co_await read_message();
        if (!message) break;
        messages.push_back(*std::move(message));
        tell();
        while (is_open && messages.size() >= limits::kSocketMessages) {
            room.expires_after(std::chrono::hours(1));
            co_await room.async_wait(kTuple);
        }
    }
    is_open = false;
    reading = false;
    tell();
}

asio::awaitable<void> WebSocket::State::close(std::uint16_t code, std::string_view reason) {
    if (!is_open) co_return;
    is_open = false;
    room.cancel();
    websocket::close_reason why(code);
    why.reason.assign(reason.data(), std::min(reason.size(), why.reason.max_size()));
    co_await stream.async_close(why, kTuple);
}

asio::awaitable<void> WebSocket::serve(UpgradedConnection& upgraded, const Conversation& conversation) {
    State state(upgraded);
    if (!co_await state.accept()) co_return;
    state.is_open = state.reading = true;
    asio::co_spawn(upgraded.connection.executor(), state.read_messages(), asio::detached);
    WebSocket socket(state);
    CloseCode code = normal;
    try {
        co_await conversation(socket);
    } catch (const std::exception& problem) {
        spdlog::error("{}: {}", upgraded.request.path, problem.what());
        code = failed;
    }
    if (upgraded.is_shutting_down()) code = going_away;
    co_await state.close(code, {});
    // The reader ends with the close, or with the connection. It uses what is here, so it is waited for.
    for (int rounds = 0; state.reading; ++rounds) {
        upgraded.signal.expires_after(kUntilEnded);
        co_await upgraded.signal.async_wait(kTuple);
        if (state.reading && rounds > 0) upgraded.connection.abort();
    }
}

std::optional<WebSocket::Message> WebSocket::take() {
    if (state_.messages.empty()) return std::nullopt;
    Message message = std::move(state_.messages.front());
    state_.messages.pop_front();
    state_.room.cancel();
    return message;
}

bool WebSocket::is_open() const {
    return state_.is_open;
}

asio::awaitable<void> WebSocket::wait(std::chrono::milliseconds limit) {
    UpgradedConnection& upgraded = state_.upgraded;
    if (!upgraded.signalled) {
        upgraded.signal.expires_after(limit);
        co_await upgraded.signal.async_wait(kTuple);
    }
    upgraded.signalled = false;
}

asio::awaitable<bool> WebSocket::write(std::string_view text) {
    if (!state_.is_open) co_return false;
    // Beast's own limit is of silence; a client may speak and not read.
    asio::steady_timer patience(state_.upgraded.connection.executor(), state_.upgraded.options.write_timeout);
    const auto writing = std::make_shared<bool>(true);
    patience.async_wait([writing, &connection = state_.upgraded.connection](Problem problem) {
        if (!problem && *writing) connection.abort();
    });
    const auto [problem, size_bytes] = co_await state_.stream.async_write(asio::buffer(text), kTuple);
    *writing = false;
    co_return !problem;
}

asio::awaitable<void> WebSocket::close(CloseCode code, std::string_view reason) {
    co_await state_.close(code, reason);
}

}  // namespace gptoss::http

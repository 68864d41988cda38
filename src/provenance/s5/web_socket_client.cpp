#include "provenance/s5/web_socket_client.h"

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <functional>
#include <regex>

#include "base/error.h"
#include "base/stream_parts.h"

namespace gptoss::provenance::s5 {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using std::chrono::milliseconds;

namespace {

struct Address {
    bool is_encrypted = false;
    std::string host, port, target;
};

Address read_address(const std::string& url) {
    static const std::regex form(
        R"((wss?)://(?:[^/@]*@)?(\[[0-9A-Fa-f:.]+\]|[^/:?#@\[\]]+)(?::(\d{1,5}))?(/[^\s#]*)?)");
    std::smatch part;
    if (!std::regex_match(url, part, form))
        throw Error(ErrorCode::setting_invalid, "\"" + url + "\" is no WebSocket's URL",
                    "S5 nodes are named as wss://HOST/s5/p2p.", {{"url", url}});
    Address address{part[1] == "wss", part[2], part[3], part[4]};
    if (address.host.front() == '[') address.host = address.host.substr(1, address.host.size() - 2);
    if (address.port.empty()) address.port = address.is_encrypted ? "443" : "80";
    if (address.target.empty()) address.target = "/";
    return address;
}

// TCP, or TLS over it, as Beast wants a stream. One class: a WebSocket over each would take a compiler twice as long.
class Line {
  public:
    using executor_type = asio::any_io_executor;

    Line(asio::io_context& io, asio::ssl::context* context) : tcp(io) {
        if (context != nullptr) tls.emplace(tcp, *context);
    }
    executor_type get_executor() { return tcp.get_executor(); }

    template <class Buffers, class Handler>
    void async_read_some(const Buffers& room, Handler&& handler) {
        read_some(first_parts<asio::mutable_buffer, 1>(asio::buffer_sequence_begin(room),
                                                       asio::buffer_sequence_end(room))[0],
                  copyable_call(std::forward<Handler>(handler)));
    }
    template <class Buffers, class Handler>
    void async_write_some(const Buffers& bytes, Handler&& handler) {
        write_some(first_parts<asio::const_buffer, 4>(asio::buffer_sequence_begin(bytes),
                                                      asio::buffer_sequence_end(bytes)),
                   copyable_call(std::forward<Handler>(handler)));
    }

    beast::tcp_stream tcp;
    std::optional<asio::ssl::stream<beast::tcp_stream&>> tls;

  private:
    using Done = std::function<void(error_code, std::size_t)>;
    void read_some(asio::mutable_buffer room, Done done) {
        if (tls) return tls->async_read_some(room, std::move(done));
        tcp.async_read_some(room, std::move(done));
    }
    void write_some(const std::array<asio::const_buffer, 4>& bytes, Done done) {
        if (tls) return tls->async_write_some(bytes, std::move(done));
        tcp.async_write_some(bytes, std::move(done));
    }
};

// What Beast calls by these names. The peer need not be told.
void beast_close_socket(Line& line) {
    line.tcp.close();
}
template <class Handler>
void async_teardown(beast::role_type, Line& line, Handler&& handler) {
    line.tcp.close();
    asio::post(line.get_executor(), beast::bind_front_handler(std::forward<Handler>(handler), error_code()));
}
[[maybe_unused]] void teardown(beast::role_type, Line& line, error_code& problem) {
    line.tcp.close();
    problem = {};
}

}  // namespace

struct WebSocketClient::Transport {
    // `context` null: not encrypted.
    Transport(std::string url, asio::ssl::context* context) : url_(std::move(url)), socket_(io_, context) {
        socket_.binary(true);
        socket_.read_message_max(kMessageBytesMax);
    }

    void open(const Address& address, milliseconds limit);
    void begin_read() {
        read_.reset();
        socket_.async_read(incoming_, [this](error_code problem, std::size_t) { read_ = problem; });
    }
    void begin_write(ByteView message, std::function<void(error_code)> done) {
        socket_.async_write(asio::buffer(message.data(), message.size()),
                            [done = std::move(done)](error_code problem, std::size_t) { done(problem); });
    }
    void cancel() { socket_.next_layer().tcp.close(); }

    [[noreturn]] void fail(const std::string& why) const {
        throw Error(ErrorCode::network_failed, "the S5 node " + url_ + ": " + why,
                    "Is it running, and reachable from here?", {{"url", url_}});
    }

    // Runs what was begun until `done` or the time is over: which of the two it was.
    bool run_until(const std::function<bool()>& done, milliseconds limit) {
        const auto deadline = std::chrono::steady_clock::now() + limit;
        while (!done()) {
            io_.restart();
            if (io_.run_one_until(deadline) == 0 && std::chrono::steady_clock::now() >= deadline)
                return done();
        }
        return true;
    }

    // One operation that ends by calling what it is given.
    void perform(const std::function<void(std::function<void(error_code)>)>& begin, milliseconds limit,
                 const char* what) {
        std::optional<error_code> result;
        begin([&result](error_code problem) { result = problem; });
        if (!run_until([&result] { return result.has_value(); }, limit)) {
            cancel();
            run_until([&result] { return result.has_value(); }, limit);  // what was begun uses this frame
            fail(std::string(what) + " takes too long");
        }
        if (*result) fail(std::string(what) + ": " + result->message());
    }

    const std::string url_;
    asio::io_context io_;
    beast::flat_buffer incoming_;
    std::optional<error_code> read_;  // of the read under way; nothing while it waits
    beast::websocket::stream<Line> socket_;
};

void WebSocketClient::Transport::open(const Address& address, milliseconds limit) {
    Line& line = socket_.next_layer();
    asio::ip::tcp::resolver resolver(io_);
    asio::ip::tcp::resolver::results_type found;
    perform(
        [&](auto done) {
            resolver.async_resolve(address.host, address.port, [&found, done](error_code problem, auto all) {
                found = std::move(all);
                done(problem);
            });
        },
        limit, "its name");
    perform(
        [&](auto done) {
            line.tcp.async_connect(found, [done](error_code problem, const auto&) { done(problem); });
        },
        limit, "connecting");
    if (line.tls) {
        line.tls->set_verify_mode(asio::ssl::verify_peer);
        line.tls->set_verify_callback(asio::ssl::host_name_verification(address.host));
        if (SSL_set_tlsext_host_name(line.tls->native_handle(), address.host.c_str()) != 1)
            fail("its name is none for TLS");
        perform([&](auto done) { line.tls->async_handshake(asio::ssl::stream_base::client, done); }, limit,
                "TLS");
    }
    perform(
        [&](auto done) { socket_.async_handshake(address.host + ":" + address.port, address.target, done); },
        limit, "its answer");
    begin_read();
}

WebSocketClient::WebSocketClient(const std::string& url, milliseconds limit) {
    const Address address = read_address(url);
    std::optional<asio::ssl::context> context;
    if (address.is_encrypted) {
        context.emplace(asio::ssl::context::tls_client);
        context->set_default_verify_paths();
    }
    transport_ = std::make_unique<Transport>(url, context ? &*context : nullptr);
    transport_->open(address, limit);
}

WebSocketClient::~WebSocketClient() {
    transport_->cancel();
}

void WebSocketClient::send(ByteView message, milliseconds limit) {
    transport_->perform([&](auto done) { transport_->begin_write(message, std::move(done)); }, limit,
                        "a message to it");
}

std::optional<Bytes> WebSocketClient::receive(milliseconds limit) {
    Transport& transport = *transport_;
    if (!transport.run_until([&transport] { return transport.read_.has_value(); }, limit))
        return std::nullopt;
    if (*transport.read_) transport.fail("the connection ended: " + transport.read_->message());
    const auto data = transport.incoming_.data();
    const auto* first = static_cast<const std::uint8_t*>(data.data());
    Bytes message(first, first + data.size());
    transport.incoming_.clear();
    transport.begin_read();
    return message;
}

}  // namespace gptoss::provenance::s5

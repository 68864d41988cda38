// The WebSocket against Beast's client, and against bytes that no client sends.
#include "http/websocket.h"

#include <gtest/gtest.h>

#include <thread>

#include "http/http_client.h"
#include "http/keys_of.h"
#include "http/node_fixture.h"
#include "http/socket_client.h"

namespace gptoss {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;
using test::ask;
using test::HttpClient;
using test::SocketClient;

const std::string kHandshake =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

// Says every message again. "flood" is answered by more than any system buffers, "throw" by a failure.
asio::awaitable<void> echo(http::UpgradedConnection& upgraded, http::WebSocket& socket) {
    while (socket.is_open() && !upgraded.is_shutting_down()) {
        const auto message = socket.take();
        if (!message) {
            co_await socket.wait(10s);
            continue;
        }
        if (message->text == "throw") throw std::runtime_error("as asked");
        if (message->text == "close") co_await socket.close(http::WebSocket::policy, "as asked");
        if (message->text == "flood") {
            while (co_await socket.write(std::string(1 << 20, 'x'))) {
            }
        }
        co_await socket.write(message->text);
    }
}

struct EchoUpgrade final : http::Upgrade {
    asio::awaitable<void> run(http::UpgradedConnection upgraded) override {
        co_await http::WebSocket::serve(
            upgraded, [&upgraded](http::WebSocket& socket) { return echo(upgraded, socket); });
    }
};

struct QuietMeter final : http::ReplyMeter {
    void on_reply(const std::string&, int) override {}
};

struct WebSocketTest : testing::Test {
    WebSocketTest() {
        http::Route route{"GET", "/socket", false,
                          [](const http::HttpRequest&, const api::Caller&) -> api::HandlerResult {
                              return http::websocket_only_reply("POST there");
                          }};
        route.upgrade = [](const http::HttpRequest&, const api::Caller&) {
            return std::make_unique<EchoUpgrade>();
        };
        router.add(route);
        options.port = 0;
    }
    std::uint16_t serve() {
        server = std::make_unique<http::Server>(options, router, http::ApiKeys(), meter);
        return server->port();
    }
    http::ServerOptions options;
    http::Router router;
    QuietMeter meter;
    std::unique_ptr<http::Server> server;
};

TEST_F(WebSocketTest, CarriesTextsBothWays) {
    SocketClient client(serve());
    EXPECT_FALSE(client.reply["X-Request-Id"].empty());
    EXPECT_FALSE(client.reply["Sec-WebSocket-Accept"].empty());
    for (const std::string& text : {std::string("hello"), std::string(), std::string(300'000, 'y')}) {
        client.send(text);
        EXPECT_EQ(client.read(), text);
    }
    for (int i = 0; i < 100; ++i) client.send(std::to_string(i));  // more than may wait
    for (int i = 0; i < 100; ++i) EXPECT_EQ(client.read(), std::to_string(i));
    client.stream.close(websocket::close_code::normal);
    EXPECT_TRUE(server->wait_until_idle(5s));
}

TEST_F(WebSocketTest, JoinsFragmentsAndAnswersPings) {
    SocketClient client(serve());
    std::string pong;
    client.stream.control_callback([&pong](websocket::frame_type kind, boost::beast::string_view text) {
        if (kind == websocket::frame_type::pong) pong = std::string(text);
    });
    client.stream.write_some(false, asio::buffer(std::string("one ")));
    client.stream.ping("there?");
    client.stream.write_some(true, asio::buffer(std::string("two")));
    EXPECT_EQ(client.read(), "one two");
    EXPECT_EQ(pong, "there?");
}

TEST_F(WebSocketTest, PingsAClientThatIsSilent) {
    options.idle_timeout = 1s;
    SocketClient client(serve());
    int pings = 0;
    client.stream.control_callback([&pings](websocket::frame_type kind, boost::beast::string_view) {
        if (kind == websocket::frame_type::ping) ++pings;
    });
    std::thread later([&client] {
        std::this_thread::sleep_for(2500ms);  // longer than the time-out: pongs keep it open
        client.send("still here");
    });
    EXPECT_EQ(client.read(), "still here");
    later.join();
    EXPECT_GE(pings, 1);
}

TEST_F(WebSocketTest, CutsOffAClientThatIsGone) {
    options.idle_timeout = 1s;
    HttpClient client(serve());
    client.request("GET", "/socket", "", kHandshake);
    EXPECT_TRUE(client.read_until("101 Switching Protocols"));
    EXPECT_FALSE(server->wait_until_idle(200ms));
    EXPECT_TRUE(server->wait_until_idle(5s));  // it answers no ping
}

TEST_F(WebSocketTest, CutsOffAClientThatDoesNotRead) {
    options.write_timeout = 1s;
    SocketClient client(serve(), 4096);
    client.send("flood");
    EXPECT_TRUE(server->wait_until_idle(10s));
}

TEST_F(WebSocketTest, BoundsMessages) {
    options.body_limit_bytes = 1000;
    serve();
    SocketClient whole(server->port()), split(server->port());
    whole.send(std::string(1000, 'x'));
    EXPECT_EQ(whole.read(), std::string(1000, 'x'));
    whole.send(std::string(1001, 'x'));
    EXPECT_EQ(whole.read(), "closed 1009");
    split.stream.write_some(false, asio::buffer(std::string(600, 'x')));
    split.stream.write_some(true, asio::buffer(std::string(600, 'x')));
    EXPECT_EQ(split.read(), "closed 1009");
}

TEST_F(WebSocketTest, CountsMessagesAgainstTheBudgetOfBodies) {
    options.body_limit_bytes = options.body_budget_bytes = 100'000;
    serve();
    SocketClient first(server->port()), second(server->port());
    first.stream.write_some(false, asio::buffer(std::string(70'000, 'x')));
    std::this_thread::sleep_for(200ms);
    second.send(std::string(70'000, 'x'));
    EXPECT_EQ(second.read(), "closed 1013");
    first.stream.write_some(true, asio::buffer(std::string("y")));
    EXPECT_EQ(first.read().size(), 70'001u);
    SocketClient third(server->port());  // what was held is given back
    third.send(std::string(70'000, 'x'));
    EXPECT_EQ(third.read().size(), 70'000u);
}

TEST_F(WebSocketTest, TakesNothingButText) {
    serve();
    SocketClient binary(server->port()), garbled(server->port());
    binary.stream.binary(true);
    binary.send("bytes");
    EXPECT_EQ(binary.read(), "closed 1003");
    garbled.send("\xff\xfe");
    EXPECT_EQ(garbled.read(), "closed 1007");
    HttpClient malformed(server->port());
    malformed.request("GET", "/socket", "", kHandshake);
    EXPECT_TRUE(malformed.read_until("\r\n\r\n"));
    malformed.send("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
    EXPECT_TRUE(malformed.read_until("\x03\xea"));  // 1002: reserved bits are set
    malformed.close();
    EXPECT_TRUE(server->wait_until_idle(15s));
}

TEST_F(WebSocketTest, ClosesAsItsConversationSays) {
    serve();
    SocketClient failing(server->port()), closed(server->port());
    failing.send("throw");
    EXPECT_EQ(failing.read(), "closed 1011");
    closed.send("close");
    EXPECT_EQ(closed.read(), "closed 1008");
    EXPECT_EQ(closed.stream.reason().reason, "as asked");
}

TEST_F(WebSocketTest, EndsWithItsServer) {
    SocketClient client(serve());
    client.send("hello");
    EXPECT_EQ(client.read(), "hello");
    std::thread drains([this] { server->drain(); });
    EXPECT_EQ(client.read(), "closed 1001");
    drains.join();
    EXPECT_TRUE(server->wait_until_idle(5s));
}

TEST_F(WebSocketTest, StopsUnderItsClients) {
    serve();
    SocketClient silent(server->port()), flooded(server->port(), 4096);
    flooded.send("flood");
    std::this_thread::sleep_for(100ms);
    server.reset();  // waits for nobody
    EXPECT_EQ(silent.read().substr(0, 6), "closed");
}

TEST_F(WebSocketTest, RefusesHandshakesThatAreNone) {
    serve();
    const auto plain = ask(server->port(), "GET", "/socket");
    EXPECT_EQ(plain.status, 426);
    EXPECT_EQ(plain.headers.at("sec-websocket-version"), "13");
    EXPECT_EQ(plain.headers.at("upgrade"), "websocket");
    const std::string upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    EXPECT_EQ(ask(server->port(), "GET", "/socket", "", upgrade + "Sec-WebSocket-Version: 8\r\n").status,
              426);
    EXPECT_EQ(ask(server->port(), "GET", "/socket", "", upgrade + "Sec-WebSocket-Version: 13\r\n").status,
              400);
}

TEST_F(WebSocketTest, ReadsWhatCameWithTheHandshake) {
    HttpClient client(serve());
    // "hi", masked with zeros.
    const std::string frame("\x81\x82\0\0\0\0hi", 8);
    client.send("GET /socket HTTP/1.1\r\nHost: localhost\r\n" + kHandshake + "\r\n" + frame);
    EXPECT_TRUE(client.read_until("\x81\x02hi"));
}

}  // namespace
}  // namespace gptoss

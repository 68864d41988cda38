// What the server itself answers on the way to a route, and where it calls the route's handler.
#include <gtest/gtest.h>

#include <boost/asio/this_coro.hpp>
#include <future>

#include "http/http_client.h"
#include "http/keys_of.h"
#include "http/node_fixture.h"
#include "http/upgrade.h"
#include "node/application/admin_routes.h"

namespace gptoss {
namespace {

using namespace std::chrono_literals;
using test::ask;
using test::HttpClient;
using test::HttpReply;
using test::kChat;
using test::Node;

TEST(Chain, LetsOtherOriginsInOnlyWhenTold) {
    Node closed;
    const std::string preflight =
        "Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n"
        "Access-Control-Request-Headers: authorization,content-type,x-stainless-os\r\n";
    EXPECT_FALSE(ask(closed.port(), "GET", "/health").headers.contains("access-control-allow-origin"));
    EXPECT_EQ(ask(closed.port(), "OPTIONS", kChat, "", preflight).status, 403);
    http::ServerOptions options;
    options.cors_origin = "https://app.example, https://other.example";
    Node open({}, options);
    const HttpReply reply = ask(open.port(), "OPTIONS", kChat, "", preflight);
    EXPECT_EQ(reply.status, 204);
    EXPECT_EQ(reply.headers.at("access-control-allow-origin"), "https://app.example");
    EXPECT_EQ(reply.headers.at("access-control-allow-headers"), "authorization,content-type,x-stainless-os");
    EXPECT_EQ(reply.headers.at("access-control-allow-methods"), "POST, OPTIONS");
    EXPECT_FALSE(reply.headers.contains("content-length"));
    const HttpReply health = ask(open.port(), "GET", "/health", "", "Origin: https://other.example\r\n");
    EXPECT_EQ(health.headers.at("access-control-allow-origin"), "https://other.example");
    EXPECT_EQ(ask(open.port(), "GET", "/health", "", "Origin: https://evil.example\r\n").status, 403);
}

TEST(Chain, TellsWhatAPathTakes) {
    Node node;
    const HttpReply reply = ask(node.port(), "OPTIONS", kChat);
    EXPECT_EQ(reply.status, 204);
    EXPECT_EQ(reply.headers.at("allow"), "POST, OPTIONS");
    EXPECT_EQ(ask(node.port(), "OPTIONS", "*").status, 204);
    EXPECT_EQ(ask(node.port(), "OPTIONS", "/nothing").status, 404);
}

TEST(Chain, ActionsWithoutAKeyAreNotForOthersPages) {
    Node node;
    const http::Router router = node::make_admin_routes(*node.server, node.state,
                                                        {[] {
                                                             return api::Json{{"done", true}};
                                                         },
                                                         [] { return api::Json("none"); }});
    http::ServerOptions options;
    options.port = 0;
    const auto reload = [](std::uint16_t port, const std::string& fields) {
        return ask(port, "POST", "/admin/reload", "{}", fields).status;
    };
    const std::string json = "Content-Type: application/json\r\n";
    http::Server open(options, router, {}, node.metrics);
    EXPECT_EQ(reload(open.port(), json), 202);
    EXPECT_EQ(reload(open.port(), json + "Origin: http://x\r\nSec-Fetch-Site: same-origin\r\n"), 202);
    EXPECT_EQ(reload(open.port(), ""), 415);
    EXPECT_EQ(reload(open.port(), "Content-Type: text/plain\r\n"), 415);
    EXPECT_EQ(reload(open.port(), json + "Origin: https://evil.example\r\n"), 403);
    EXPECT_EQ(reload(open.port(), json + "Sec-Fetch-Site: cross-site\r\n"), 403);
    EXPECT_EQ(ask(open.port(), "DELETE", "/admin/requests/x", "", "Sec-Fetch-Site: cross-site\r\n").status,
              403);
    EXPECT_EQ(ask(open.port(), "DELETE", "/admin/requests/x").status, 404);
    http::Server keyed(options, router, http::ApiKeys::single("admin", "admin-0123456789"), node.metrics);
    EXPECT_EQ(reload(keyed.port(), json), 401);
    EXPECT_EQ(reload(keyed.port(), "Authorization: Bearer admin-0123456789\r\n"), 202);
}

struct Counter final : http::ReplyMeter {
    void on_reply(const std::string&, int) override {}
};

struct HandlersTest : testing::Test {
    void serve(http::ApiKeys keys = {}) {
        options.port = 0;
        server = std::make_unique<http::Server>(options, router, keys, counter);
    }
    void add(const std::string& path, http::RunsOn where, std::function<void()> does) {
        router.add({"POST", path, false,
                    [does](const http::HttpRequest&, const api::Caller&) -> api::HandlerResult {
                        does();
                        return api::json_reply({{"done", true}});
                    },
                    where});
    }
    http::ServerOptions options;
    http::Router router;
    Counter counter;
    std::unique_ptr<http::Server> server;
};

TEST_F(HandlersTest, CostlyOnesLeaveTheThreadsOfTheSockets) {
    std::promise<void> gate;
    const auto opened = gate.get_future().share();
    add("/slow", http::RunsOn::worker, [opened] { opened.wait(); });
    add("/disk", http::RunsOn::disk, [opened] { opened.wait(); });
    add("/quick", http::RunsOn::io_thread, [] {});
    add("/short", http::RunsOn::worker, [] {});
    serve(test::keys_of("greedy 0123456789abcdef\nmodest fedcba9876543210\n"));
    const std::string greedy = "Authorization: Bearer 0123456789abcdef\r\n";
    const std::string modest = "Authorization: Bearer fedcba9876543210\r\n";
    std::deque<HttpClient> clients;
    for (int i = 0; i < 20; ++i) {
        clients.emplace_back(server->port());
        clients.back().request("POST", i % 2 == 0 ? "/slow" : "/disk", "{}", greedy);
    }
    EXPECT_EQ(ask(server->port(), "POST", "/quick", "{}", greedy).status, 200);
    // One client never has all workers.
    EXPECT_EQ(ask(server->port(), "POST", "/short", "{}", modest).status, 200);
    gate.set_value();
    for (HttpClient& client : clients) EXPECT_EQ(client.read_reply().status, 200);
}

TEST_F(HandlersTest, ALargeBodyIsNotReadWhereTooManyWait) {
    std::promise<void> gate;
    const auto opened = gate.get_future().share();
    std::atomic<std::size_t> begun = 0;
    add("/slow", http::RunsOn::worker, [&begun, opened] {
        ++begun;
        opened.wait();
    });
    serve();
    const std::string large(std::size_t{70} << 10, 'a');
    const std::size_t most = 1 + limits::kWaitingLargeRequests / 2;  // of one client, with the one that runs
    std::deque<HttpClient> clients;
    for (std::size_t i = 0; i < most; ++i) {
        clients.emplace_back(server->port());
        clients.back().request("POST", "/slow", large);
        while (begun == 0) std::this_thread::sleep_for(1ms);
    }
    std::this_thread::sleep_for(200ms);  // all of them have come
    HttpClient late(server->port());
    late.send(
        "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 70000\r\n\r\n");
    const HttpReply refused = late.read_reply();
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.headers.at("retry-after"), "1");
    EXPECT_EQ(begun, 1U);
    gate.set_value();
    for (HttpClient& client : clients) EXPECT_EQ(client.read_reply().status, 200);
    EXPECT_EQ(ask(server->port(), "POST", "/slow", "{}").status, 200);
}

TEST_F(HandlersTest, AClientThatLeavesDoesNotKeepItsPlace) {
    std::promise<void> gate;
    const auto opened = gate.get_future().share();
    std::atomic<int> begun = 0;
    add("/slow", http::RunsOn::worker, [&begun, opened] {
        ++begun;
        opened.wait();
    });
    options.client_limit.concurrent_requests = 5;
    serve();
    for (int round = 0; round < 3; ++round) {
        std::deque<HttpClient> clients;
        for (int i = 0; i < 5; ++i) {
            clients.emplace_back(server->port());
            clients.back().request("POST", "/slow", "{}");
        }
        while (begun < 1 || server->clients().usage()[0].running < 5) std::this_thread::sleep_for(1ms);
        clients.clear();
        EXPECT_TRUE(server->wait_until_idle(5s));
        EXPECT_EQ(server->clients().usage()[0].running, 0);
    }
    gate.set_value();
    server.reset();
    EXPECT_LE(begun, 3);  // what nobody waited for any more did not begin
}

struct Echo final : http::Upgrade {
    boost::asio::awaitable<void> run(http::UpgradedConnection upgraded) override {
        const std::string header =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        co_await upgraded.connection.write(header);
        for (;;) {
            const auto [problem, size] = co_await upgraded.connection.read_some(upgraded.unread, 100);
            if (problem) co_return;
            upgraded.unread.commit(size);
            const auto bytes = upgraded.unread.data();
            const std::string text(static_cast<const char*>(bytes.data()), bytes.size());
            upgraded.unread.consume(text.size());
            co_await upgraded.connection.write(text);
        }
    }
};

TEST_F(HandlersTest, ARouteTakesAConnectionOver) {
    http::Route route{"GET", "/socket", false,
                      [](const http::HttpRequest&, const api::Caller&) -> api::HandlerResult {
                          return api::json_reply({{"plain", true}});
                      }};
    route.upgrade = [](const http::HttpRequest& request,
                       const api::Caller& caller) -> std::unique_ptr<http::Upgrade> {
        EXPECT_EQ(request.headers.value("Sec-WebSocket-Version"), "13");
        EXPECT_EQ(caller.name, "alice");
        return std::make_unique<Echo>();
    };
    router.add(route);
    serve(test::keys_of("alice 0123456789abcdef\n"));
    const std::string upgrade =
        "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const std::string alice = "Authorization: Bearer 0123456789abcdef\r\n";
    EXPECT_EQ(ask(server->port(), "GET", "/socket", "", upgrade).status, 401);
    EXPECT_EQ(ask(server->port(), "GET", "/socket", "", alice).status, 200);
    HttpClient client(server->port());
    client.request("GET", "/socket", "", alice + upgrade);
    EXPECT_TRUE(client.read_until("101 Switching Protocols"));
    client.send("ping");
    EXPECT_TRUE(client.read_until("ping"));
    server.reset();  // ends it
    EXPECT_TRUE(client.closed_by_server(3s));
}

}  // namespace
}  // namespace gptoss

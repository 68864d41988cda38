// What operators rely on: limits, request ids, ending a request, new settings, and readiness that tells the
// truth.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "http/http_client.h"
#include "http/keys_of.h"
#include "http/node_fixture.h"
#include "node/application/admin_routes.h"

namespace gptoss {
namespace {

using namespace std::chrono_literals;
using api::Json;
using test::ask;
using test::chat_body;
using test::HttpClient;
using test::HttpReply;
using test::kChat;
using test::keys_of;
using test::Node;

// A node's port for operators.
class AdminServer {
  public:
    explicit AdminServer(Node& node, node::AdminActions actions = {}, const http::ApiKeys& keys = {})
        : router_(node::make_admin_routes(*node.server, node.state, std::move(actions))),
          server_(options(), router_, keys, node.metrics) {}
    std::uint16_t port() const { return server_.port(); }

  private:
    static http::ServerOptions options() {
        http::ServerOptions any_port;
        any_port.port = 0;
        return any_port;
    }

    const http::Router router_;
    http::Server server_;
};

TEST(Operation, LimitsEachClientByItself) {
    Node node(
        {}, {},
        keys_of("alice 0123456789abcdef requests-per-minute=2\nbob fedcba9876543210 tokens-per-minute=5\n"));
    const std::string alice = "Authorization: Bearer 0123456789abcdef\r\n";
    const std::string bob = "Authorization: Bearer fedcba9876543210\r\n";
    EXPECT_EQ(ask(node.port(), "POST", kChat, chat_body(), alice).status, 200);
    EXPECT_EQ(ask(node.port(), "POST", kChat, chat_body(), alice).status, 200);
    const HttpReply refused = ask(node.port(), "POST", kChat, chat_body(), alice);
    EXPECT_EQ(refused.status, 429);
    EXPECT_GE(std::stoi(refused.headers.at("retry-after")), 20);
    EXPECT_EQ(Json::parse(refused.body)["error"]["code"], "rate_limit_exceeded");
    EXPECT_EQ(ask(node.port(), "GET", "/v1/models", "", alice).status, 200);  // looking is free
    // Bob's first answer costs more than his minute holds.
    EXPECT_EQ(ask(node.port(), "POST", kChat, chat_body(true), bob).status, 200);
    EXPECT_EQ(ask(node.port(), "POST", kChat, chat_body(), bob).status, 429);
    for (const http::ClientUsage& usage : node.server->clients().usage()) {
        EXPECT_EQ(usage.running, 0);
        EXPECT_EQ(usage.refused, 1);
        EXPECT_EQ(usage.requests, usage.client == "alice" ? 2 : 1);
        EXPECT_GT(usage.prompt_tokens, 20);
        EXPECT_GE(usage.completion_tokens, usage.requests * 6);
    }
}

TEST(Operation, LimitsWhatRunsAtOnceByAddress) {
    http::ServerOptions options;
    options.client_limit.concurrent_requests = 1;
    Node node(test::slow_model(), options);
    node.api.say(test::kLongAnswer);
    HttpClient first(node.port());
    first.request("POST", kChat, chat_body(true));
    ASSERT_TRUE(first.read_until("\"content\":\"x"));
    EXPECT_EQ(ask(node.port(), "POST", kChat, chat_body()).status, 429);
    first.close_with_reset();
    ASSERT_TRUE(node.becomes_idle());
    ASSERT_TRUE(node.server->wait_until_idle(3s));
    node.api.say("<|channel|>final<|message|>Hi<|return|>");
    EXPECT_EQ(ask(node.port(), "POST", kChat, chat_body()).status, 200);
}

TEST(Operation, GivesEveryReplyAnId) {
    Node node;
    EXPECT_EQ(ask(node.port(), "POST", kChat, chat_body(true), "X-Request-Id: mine-1\r\n")
                  .headers.at("x-request-id"),
              "mine-1");
    for (const char* unusable : {"", "X-Request-Id: two words\r\n", "X-Request-Id: {\"a\":1}\r\n"}) {
        const HttpReply reply = ask(node.port(), "GET", "/nothing", "", unusable);
        EXPECT_TRUE(reply.headers.at("x-request-id").starts_with("req-")) << unusable;
        EXPECT_EQ(reply.headers.count("x-client-request-id"), 0U);
        EXPECT_GE(std::stoi(reply.headers.at("openai-processing-ms")), 0);
    }
    const HttpReply named = ask(node.port(), "GET", "/nothing", "", "X-Client-Request-Id: theirs-1\r\n");
    EXPECT_EQ(named.headers.at("x-request-id"), "theirs-1");
    EXPECT_EQ(named.headers.at("x-client-request-id"), "theirs-1");
}

// A response in the background is nobody's request any more: it is listed and ended by its own id, once, whoever follows it.
TEST(Operation, OperatorsSeeAndEndBackgroundResponses) {
    test::ApiOptions api = test::slow_model();
    const auto stored = std::make_shared<api::StoredResponses>("", api::StoreLimits());
    api.service.stored = stored;
    Node node(api);
    node.api.say(test::kLongAnswer);
    AdminServer admin(node);
    const auto begun =
        Json::parse(ask(node.port(), "POST", "/v1/responses", R"({"input": "Hi", "background": true})").body);
    const std::string id = begun["id"];
    HttpClient follower(node.port());
    follower.request("GET", "/v1/responses/" + id + "?stream=true", "");
    ASSERT_TRUE(follower.read_until("output_text.delta"));
    const Json list = Json::parse(ask(admin.port(), "GET", "/admin/requests").body)["requests"];
    ASSERT_EQ(list.size(), 1U) << list;
    EXPECT_EQ(list[0]["id"], id);
    EXPECT_EQ(list[0]["route"], "/v1/responses");
    EXPECT_EQ(list[0]["stage"], "generating");
    EXPECT_GT(list[0]["prompt_tokens"], 0);
    const Json seen = Json::parse(ask(node.port(), "GET", "/v1/responses/" + id).body);
    EXPECT_EQ(seen["status"], "in_progress");
    EXPECT_EQ(seen["progress"]["stage"], "generating");
    EXPECT_EQ(seen["progress"]["prompt_tokens"], list[0]["prompt_tokens"]);
    EXPECT_EQ(ask(admin.port(), "DELETE", "/admin/requests/" + id).status, 200);
    EXPECT_TRUE(follower.read_until("cancelled"));
    ASSERT_TRUE(node.becomes_idle());
    // The run's own thread leaves the list a moment after the engine has nothing left to do.
    const auto listed = [&] {
        return Json::parse(ask(admin.port(), "GET", "/admin/requests").body)["requests"].size();
    };
    for (int i = 0; i < 1000 && listed() > 0; ++i) std::this_thread::sleep_for(5ms);
    ASSERT_EQ(listed(), 0U);
    EXPECT_EQ(ask(admin.port(), "DELETE", "/admin/requests/" + id).status, 404);
    EXPECT_FALSE(Json::parse(ask(node.port(), "GET", "/v1/responses/" + id).body).contains("progress"));
    stored->runs().stop();
}

// Who waits for a place is told apart from whose prompt is read.
TEST(Operation, OperatorsSeeWhoWaits) {
    test::ApiOptions api = test::slow_model();
    api.backend.max_sequences = 1;
    Node node(api);
    node.api.say(test::kLongAnswer);
    AdminServer admin(node);
    HttpClient first(node.port());
    first.request("POST", kChat, chat_body(true), "X-Request-Id: first\r\n");
    ASSERT_TRUE(first.read_until("\"content\":\"x"));
    HttpClient second(node.port());
    second.request("POST", kChat, chat_body(true), "X-Request-Id: second\r\n");
    Json stages = Json::object();
    for (int i = 0; i < 500 && stages.value("second", "") != "queued"; ++i) {
        std::this_thread::sleep_for(10ms);
        const Json seen = Json::parse(ask(admin.port(), "GET", "/admin/requests").body);
        for (const Json& each : seen["requests"]) stages[each["id"].get<std::string>()] = each["stage"];
    }
    EXPECT_EQ(stages["first"], "generating");
    EXPECT_EQ(stages["second"], "queued");
}

TEST(Operation, OperatorsSeeAndEndRequests) {
    Node node(test::slow_model());
    node.api.say(test::kLongAnswer);
    AdminServer admin(node,
                      {[] {
                           return Json{{"done", true}};
                       },
                       [] { return Json("none"); }},
                      http::ApiKeys::single("admin", "admin-0123456789"));
    const std::string key = "Authorization: Bearer admin-0123456789\r\n";
    EXPECT_EQ(ask(admin.port(), "GET", "/admin/requests").status, 401);
    EXPECT_EQ(ask(node.port(), "GET", "/admin/requests").status, 404);  // never on the users' port

    HttpClient client(node.port());
    client.request("POST", kChat, chat_body(true), "X-Request-Id: long-one\r\n");
    ASSERT_TRUE(client.read_until("\"content\":\"x"));
    const Json list = Json::parse(ask(admin.port(), "GET", "/admin/requests", "", key).body)["requests"];
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0]["id"], "long-one");
    EXPECT_EQ(list[0]["client"], "127.0.0.1");
    EXPECT_EQ(list[0]["stage"], "generating");
    EXPECT_GT(list[0]["completion_tokens"], 0);
    EXPECT_EQ(ask(admin.port(), "DELETE", "/admin/requests/another", "", key).status, 404);
    EXPECT_EQ(ask(admin.port(), "DELETE", "/admin/requests/long-one", "", key).status, 200);
    EXPECT_TRUE(client.read_until("\"finish_reason\":\"cancelled\""));
    EXPECT_TRUE(client.read_until("data: [DONE]\n\n"));
    EXPECT_TRUE(node.becomes_idle());
    EXPECT_EQ(ask(admin.port(), "POST", "/admin/reload", "", key).status, 202);
    const Json clients = Json::parse(ask(admin.port(), "GET", "/admin/clients", "", key).body)["clients"];
    EXPECT_EQ(clients[0]["requests"], 1);
}

TEST(Operation, TakesNewSettingsWhileItServes) {
    Node node;
    HttpClient client(node.port());
    client.request("GET", "/health");
    EXPECT_FALSE(client.read_reply().headers.contains("access-control-allow-origin"));
    http::ServerOptions options;
    options.cors_origin = "https://example.org";
    node.server->reconfigure(options, keys_of("0123456789abcdef\n"));
    client.request("GET", "/health", "", "Origin: https://example.org\r\n");  // the same connection
    EXPECT_EQ(client.read_reply().headers.at("access-control-allow-origin"), "https://example.org");
    EXPECT_EQ(ask(node.port(), "POST", kChat, chat_body()).status, 401);
    options.tls_certificate_file = options.tls_key_file = "/nowhere.pem";
    EXPECT_THROW(node.server->reconfigure(options, {}), Error);
    EXPECT_EQ(ask(node.port(), "POST", kChat, chat_body()).status, 401);  // as before
}

TEST(Operation, IsNotReadyWhileABatchTakesTooLong) {
    test::ApiOptions options;
    options.backend.step_ms = 400;
    Node node(options);
    node.state.set_step_limit(50ms);
    EXPECT_TRUE(node.state.is_ready());
    HttpClient client(node.port());
    client.request("POST", kChat, chat_body());
    std::string status = "ready";
    for (int i = 0; i < 2000 && status == "ready"; ++i) {
        std::this_thread::sleep_for(1ms);
        const HttpReply reply = ask(node.port(), "GET", "/ready");
        status = Json::parse(reply.body)["status"];
        EXPECT_EQ(reply.status, status == "ready" ? 200 : 503);
    }
    EXPECT_EQ(status, "stuck");
    EXPECT_EQ(client.read_reply().status, 200);  // slow, but an answer
    // The answer leaves from within the last step; the node is ready again when that has ended.
    for (int i = 0; i < 5000 && !node.state.is_ready(); ++i) std::this_thread::sleep_for(1ms);
    EXPECT_TRUE(node.state.is_ready());
}

TEST(Operation, AFailedDeviceFailsItsRequestsAndReadiness) {
    test::ApiOptions options;
    options.backend.fail_at_step = 3;
    for (const bool stream : {false, true}) {
        Node node(options);
        HttpClient client(node.port());
        client.request("POST", kChat, chat_body(stream));
        const HttpReply reply = client.read_reply();
        EXPECT_TRUE(reply.complete);
        EXPECT_EQ(reply.status, stream ? 200 : 503);
        EXPECT_NE(reply.body.find("the scripted device failed"), std::string::npos) << reply.body;
        EXPECT_EQ(reply.body.find("[DONE]"), std::string::npos);
        const HttpReply ready = ask(node.port(), "GET", "/ready");
        EXPECT_EQ(ready.status, 503);
        EXPECT_EQ(Json::parse(ready.body)["status"], "failed");
        EXPECT_EQ(ask(node.port(), "POST", kChat, chat_body()).status, 503);
        EXPECT_EQ(ask(node.port(), "GET", "/health").status, 200);  // alive all the same
    }
}

TEST(Operation, InferenceKeepsItsErrorShapeWithoutAModel) {
    node::Metrics metrics;
    node::NodeState state;
    const http::Router router = node::make_routes(state, metrics);
    http::ServerOptions options;
    options.port = 0;
    http::Server server(options, router, {}, metrics);
    const HttpReply reply = ask(server.port(), "POST", "/v1/inference", R"({"prompt":"x","max_tokens":1})");
    EXPECT_EQ(reply.status, 503);
    EXPECT_TRUE(reply.headers.contains("retry-after"));
    EXPECT_EQ(Json::parse(reply.body)["error_type"], "service_unavailable");
}

}  // namespace
}  // namespace gptoss

// The server on real sockets, over the real engine with a script for a model.
#include "http/server.h"

#include <gtest/gtest.h>

#include <deque>
#include <thread>

#include "http/http_client.h"
#include "http/node_fixture.h"
#include "support/files.h"
#include "support/rounds.h"
#include "support/temporary_folder.h"

namespace gptoss {
namespace {

using namespace std::chrono_literals;
using api::Json;
using test::ask;
using test::chat_body;
using test::HttpClient;
using test::HttpReply;
using test::kChat;
using test::kLongAnswer;
using test::Node;
using test::slow_model;

TEST(Server, AnswersAndKeepsTheConnection) {
    Node node;
    HttpClient client(node.port());
    for (int i = 0; i < 3; ++i) {
        client.request("POST", kChat, chat_body());
        const HttpReply reply = client.read_reply();
        EXPECT_EQ(reply.status, 200);
        EXPECT_EQ(Json::parse(reply.body)["choices"][0]["message"]["content"], "Hello there.");
        client.request("POST", kChat, chat_body(true));
        const HttpReply stream = client.read_reply();
        EXPECT_TRUE(stream.complete);
        EXPECT_TRUE(stream.headers.at("content-type").starts_with("text/event-stream"));
        EXPECT_TRUE(stream.body.ends_with("data: [DONE]\n\n"));
    }
}

TEST(Server, AnswersRequestsSentAhead) {
    Node node;
    HttpClient client(node.port());
    const std::string body = chat_body();
    const std::string request = "POST " + std::string(kChat) +
                                " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
                                "\r\n\r\n" + body;
    client.send(request + request + "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(client.read_reply().status, 200);
    EXPECT_EQ(client.read_reply().status, 200);
    EXPECT_EQ(Json::parse(client.read_reply().body)["status"], "ok");
}

TEST(Server, TakesBodiesInChunksAndWaitsForContinue) {
    Node node;
    HttpClient client(node.port());
    const std::string body = chat_body();
    char size[16];
    std::snprintf(size, sizeof size, "%zx", body.size());
    client.send("POST " + std::string(kChat) + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
                size + "\r\n" + body + "\r\n0\r\n\r\n");
    EXPECT_EQ(client.read_reply().status, 200);
    client.send("POST " + std::string(kChat) +
                " HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n");
    EXPECT_TRUE(client.read_until("HTTP/1.1 100 Continue\r\n\r\n"));
    client.send(body);
    EXPECT_EQ(client.read_reply().status, 200);
}

TEST(Server, StreamsToHttp10UntilTheConnectionEnds) {
    Node node;
    HttpClient client(node.port());
    const std::string body = chat_body(true);
    client.send("POST " + std::string(kChat) + " HTTP/1.0\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body);
    const HttpReply reply = client.read_reply();
    EXPECT_EQ(reply.status, 200);
    EXPECT_FALSE(reply.headers.contains("transfer-encoding"));
    EXPECT_TRUE(reply.body.starts_with("data: {"));
    EXPECT_TRUE(reply.body.ends_with("data: [DONE]\n\n"));
}

TEST(Server, RefusesWhatItCannotReadOrFind) {
    http::ServerOptions options;
    options.body_limit_bytes = 1000;
    options.header_limit_bytes = 2000;
    Node node({}, options);
    EXPECT_EQ(ask(node.port(), "POST", kChat, std::string(1001, ' ')).status, 413);
    EXPECT_EQ(ask(node.port(), "GET", "/health", "", "X-Long: " + std::string(3000, 'x') + "\r\n").status,
              431);
    EXPECT_EQ(ask(node.port(), "POST", kChat, "{").status, 400);
    EXPECT_EQ(ask(node.port(), "POST", kChat, R"({"messages":[3e99999]})").status, 400);
    EXPECT_EQ(ask(node.port(), "GET", "/nothing").status, 404);
    const HttpReply reply = ask(node.port(), "GET", kChat);
    EXPECT_EQ(reply.status, 405);
    EXPECT_EQ(reply.headers.at("allow"), "POST");
    HttpClient client(node.port());
    client.send("this is not HTTP\r\n\r\n");
    EXPECT_EQ(client.read_reply().status, 400);
    EXPECT_TRUE(client.closed_by_server(3s));
}

TEST(Server, AnswersHeadWithoutABody) {
    Node node;
    HttpClient client(node.port());
    client.request("HEAD", "/health");
    const HttpReply reply = client.read_reply(true);
    EXPECT_EQ(reply.status, 200);
    EXPECT_NE(reply.headers.at("content-length"), "0");
    client.request("GET", "/health");
    EXPECT_EQ(client.read_reply().status, 200);
}

TEST(Server, WantsAKeyWhereKeysAreSet) {
    const test::TemporaryFolder folder;
    const std::string line = "alice 0123456789abcdef0123\n";
    test::write_file(folder.path() / "keys", {line.begin(), line.end()});
    Node node({}, {}, http::ApiKeys::from_file(folder.path() / "keys"));
    const HttpReply refused = ask(node.port(), "POST", kChat, chat_body());
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(Json::parse(refused.body)["error"]["code"], "invalid_api_key");
    EXPECT_EQ(ask(node.port(), "POST", kChat, chat_body(), "Authorization: Bearer wrong\r\n").status, 401);
    EXPECT_EQ(ask(node.port(), "GET", "/metrics").status, 401);
    EXPECT_EQ(
        ask(node.port(), "POST", kChat, chat_body(), "Authorization: Bearer 0123456789abcdef0123\r\n").status,
        200);
    for (const char* open : {"/health", "/ready", "/version"})
        EXPECT_EQ(ask(node.port(), "GET", open).status, 200);
}

TEST(Server, StopsGeneratingWhenTheClientGoesAway) {
    Node node(slow_model());
    node.api.say(kLongAnswer);
    for (const bool stream : {true, false}) {
        for (const bool reset : {true, false}) {
            HttpClient client(node.port());
            client.request("POST", kChat, chat_body(stream));
            if (stream) {
                ASSERT_TRUE(client.read_until("\"content\":\"x"));
            }
            while (node.running() == 0) std::this_thread::sleep_for(1ms);
            const auto before = node.api.engine()->stats().generated_tokens;
            reset ? client.close_with_reset() : client.close();
            EXPECT_TRUE(node.becomes_idle()) << stream << reset;
            EXPECT_LT(node.api.engine()->stats().generated_tokens - before, 60) << stream << reset;
        }
    }
}

TEST(Server, AnswersWhileTheModelLoads) {
    node::Metrics metrics;
    node::NodeState state;
    const http::Router router = node::make_routes(state, metrics);
    http::ServerOptions options;
    options.port = 0;
    http::Server server(options, router, {}, metrics);
    state.set_progress("reading weights", 3, 12);
    EXPECT_EQ(ask(server.port(), "GET", "/health").status, 200);
    const HttpReply ready = ask(server.port(), "GET", "/ready");
    EXPECT_EQ(ready.status, 503);
    EXPECT_EQ(Json::parse(ready.body)["progress"]["fraction"], 0.25);
    const HttpReply chat = ask(server.port(), "POST", kChat, chat_body());
    EXPECT_EQ(chat.status, 503);
    EXPECT_TRUE(chat.headers.contains("retry-after"));
    EXPECT_EQ(ask(server.port(), "GET", "/metrics").status, 200);
}

bool refuses_connections(std::uint16_t port) {
    for (int i = 0; i < 1000; ++i) {
        try {
            HttpClient client(port);
        } catch (const std::runtime_error&) {
            return true;
        }
        std::this_thread::sleep_for(1ms);
    }
    return false;
}

TEST(Server, FinishesRunningStreamsWhileDraining) {
    test::ApiOptions options;
    options.backend.step_ms = 5;
    Node node(options);
    node.api.say("<|channel|>final<|message|>" + std::string(40, 'x') + "<|return|>");
    HttpClient idle(node.port()), streaming(node.port());
    idle.request("GET", "/health");
    EXPECT_EQ(idle.read_reply().status, 200);
    streaming.request("POST", kChat, chat_body(true));
    ASSERT_TRUE(streaming.read_until("\"content\":\"x"));
    node.state.set_draining();
    node.server->drain();
    EXPECT_TRUE(idle.closed_by_server(3s));
    EXPECT_TRUE(refuses_connections(node.port()));
    EXPECT_TRUE(streaming.read_until("data: [DONE]\n\n\r\n0\r\n\r\n"));
    EXPECT_TRUE(node.server->wait_until_idle(3s));
    EXPECT_TRUE(streaming.closed_by_server(3s));
}

TEST(Server, TellsAStreamThatItWasCutOff) {
    Node node(slow_model());
    node.api.say(kLongAnswer);
    HttpClient client(node.port());
    client.request("POST", kChat, chat_body(true));
    ASSERT_TRUE(client.read_until("\"content\":\"x"));
    node.state.set_draining();
    node.server->drain();
    EXPECT_FALSE(node.api.engine()->drain(0));
    EXPECT_TRUE(client.read_until("\"finish_reason\":\"cancelled\""));
    EXPECT_TRUE(client.read_until("data: [DONE]\n\n"));
}

TEST(Server, StopsAtOnceWhenDestroyed) {
    auto node = std::make_unique<Node>(slow_model());
    node->api.say(kLongAnswer);
    std::deque<HttpClient> clients;
    for (int i = 0; i < 6; ++i) {
        clients.emplace_back(node->port());
        clients.back().request("POST", kChat, chat_body(i % 2 == 0));
    }
    while (node->running() == 0) std::this_thread::sleep_for(1ms);
    const auto begin = std::chrono::steady_clock::now();
    node->server.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
    EXPECT_TRUE(node->becomes_idle());
}

TEST(Server, CutsOffClientsThatDoNotSend) {
    http::ServerOptions options;
    options.idle_timeout = 1s;
    options.body_timeout = 1s;
    Node node({}, options);
    HttpClient silent(node.port());
    HttpClient half_header(node.port());
    half_header.send("POST /v1/chat/completions HTTP/1.1\r\nHo");
    HttpClient half_body(node.port());
    half_body.send("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    EXPECT_TRUE(silent.closed_by_server(5s));
    EXPECT_TRUE(half_header.closed_by_server(5s));
    EXPECT_TRUE(half_body.closed_by_server(5s));
}

TEST(Server, MakesRoomByEndingTheConnectionThatWaitsLongest) {
    http::ServerOptions options;
    options.most_connections = 3;
    Node node(test::slow_model(), options);
    node.api.say("<|channel|>final<|message|>" + std::string(400, 'a'));
    HttpClient busy(node.port());
    busy.request("POST", test::kChat, test::chat_body(true));
    ASSERT_TRUE(busy.read_until("data: "));
    HttpClient half_sent(node.port());
    half_sent.send("GET /health HTTP/1.1\r\nHost: x\r\n");
    std::this_thread::sleep_for(20ms);
    HttpClient idle(node.port());
    idle.request("GET", "/health");
    EXPECT_EQ(idle.read_reply().status, 200);
    EXPECT_EQ(test::ask(node.port(), "GET", "/health").status, 200);
    EXPECT_TRUE(half_sent.closed_by_server(2s));
    idle.request("GET", "/health");
    EXPECT_EQ(idle.read_reply().status, 200);
    EXPECT_TRUE(busy.read_until("[DONE]"));
}

TEST(Server, CutsOffAClientThatDoesNotRead) {
    // Filling the buffers is half of all that this program does there.
    if (test::kThreadSanitized) GTEST_SKIP() << "AddressSanitizer's build runs it";
    http::ServerOptions options;
    options.write_timeout = 1s;
    Node node({}, options);
    // 8 choices of some 3,000 chunks fill every buffer between the two.
    node.api.say(kLongAnswer);
    HttpClient deaf(node.port(), 4096);
    deaf.request("POST", kChat,
                 chat_body(true, R"(,"n":8,"logprobs":true,"top_logprobs":20,"max_tokens":3000)"));
    while (node.running() == 0) std::this_thread::sleep_for(1ms);
    EXPECT_TRUE(node.server->wait_until_idle(90s));  // until the buffers are full, and then a second
}

TEST(Server, HoldsHundredsOfStreamsOpen) {
    test::ApiOptions options;
    options.backend.step_ms = 1;
    Node node(options);
    constexpr int kClients = 400;
    std::deque<HttpClient> clients;
    for (int i = 0; i < kClients; ++i) {
        clients.emplace_back(node.port());
        clients.back().request("POST", kChat, chat_body(true));
    }
    for (HttpClient& client : clients) {
        const HttpReply reply = client.read_reply();
        ASSERT_TRUE(reply.complete);
        ASSERT_EQ(reply.status, 200);
        ASSERT_NE(reply.body.find("\"finish_reason\":\"stop\""), std::string::npos);
    }
    EXPECT_TRUE(node.becomes_idle());
}

TEST(Server, RefusesWithRetryAfterWhenTheQueueIsFull) {
    test::ApiOptions options = slow_model();
    options.backend.max_sequences = 1;
    options.queue_limit = 2;
    Node node(options);
    // Longer than it takes to fill the queue, on a busy machine and under a sanitizer too.
    node.api.say(kLongAnswer + std::string(50'000, 'x'));
    std::deque<HttpClient> clients;
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back(node.port());
        clients.back().request("POST", kChat, chat_body(true));
        if (!clients.back().read_until("\r\n\r\n")) ADD_FAILURE();
        // The first one counts as waiting until its first step: then the third would be refused, and a place
        // stay free.
        while (node.running() == 0) std::this_thread::sleep_for(1ms);
    }
    const HttpReply reply = ask(node.port(), "POST", kChat, chat_body());
    EXPECT_EQ(reply.status, 429);
    EXPECT_GE(std::stoi(reply.headers.at("retry-after")), 1);
    EXPECT_EQ(Json::parse(reply.body)["error"]["type"], "rate_limit_error");
}

TEST(Server, CountsWhatItDid) {
    Node node;
    ask(node.port(), "POST", kChat, chat_body());
    ask(node.port(), "POST", kChat, "{");
    const std::string text = ask(node.port(), "GET", "/metrics").body;
    for (const char* line :
         {"gptoss_http_replies_total{route=\"/v1/chat/completions\",status=\"200\"} 1",
          "gptoss_http_replies_total{route=\"/v1/chat/completions\",status=\"400\"} 1",
          "gptoss_generations_total{reason=\"stop\"} 1", "gptoss_sequences_running 0",
          "vllm:num_requests_running 0", "vllm:num_requests_waiting 0", "vllm:kv_cache_usage_perc 0",
          "vllm:cache_config_info{block_size=\"64\",num_gpu_blocks=\"",
          "gptoss_time_to_first_token_seconds_count 1"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
    }
}

}  // namespace
}  // namespace gptoss

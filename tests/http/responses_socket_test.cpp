// WebSocket mode of the Responses API: many requests on one connection, each going on from one before.
#include <gtest/gtest.h>

#include "http/http_client.h"
#include "http/keys_of.h"
#include "http/node_fixture.h"
#include "http/socket_client.h"

namespace gptoss {
namespace {

using namespace std::chrono_literals;
using api::Json;
using test::Node;
using test::SocketClient;

constexpr const char* kPath = "/v1/responses";

Json create(const Json& more) {
    Json event{{"type", "response.create"}, {"store", false}};
    event.update(more);
    return event;
}

struct ResponsesClient : SocketClient {
    explicit ResponsesClient(std::uint16_t port, const std::string& key = "")
        : SocketClient(port, 0, kPath, key) {}

    // The event that ends a response: its events have come in order.
    Json read_end() {
        std::int64_t number = 0;
        for (;;) {
            const std::string text = read();
            if (text.starts_with("closed")) return {{"type", text}};
            Json event = Json::parse(text);
            const std::string type = event["type"];
            if (type == "error") return event;
            if (type != "response.in_progress") {
                EXPECT_GE(event["sequence_number"], number) << text;
            }
            number = event["sequence_number"];
            if (type == "response.output_text.delta") said += event["delta"];
            if (type == "response.completed" || type == "response.failed" || type == "response.incomplete")
                return event;
        }
    }
    Json ask(const Json& more) {
        said.clear();
        send(api::to_text(create(more)));
        return read_end();
    }
    std::string said;
};

TEST(ResponsesSocket, GoesOnFromWhatWasSaidOnIt) {
    Node node;
    ResponsesClient client(node.port());
    const Json first = client.ask({{"input", "The word is cobalt."}});
    EXPECT_EQ(first["type"], "response.completed");
    EXPECT_EQ(client.said, "Hello there.");
    const Json second =
        client.ask({{"input", "Which word?"}, {"previous_response_id", first["response"]["id"]}});
    EXPECT_EQ(second["response"]["status"], "completed");
    const std::string prompt = node.api.last_prompt();
    EXPECT_NE(prompt.find("cobalt"), std::string::npos) << prompt;
    EXPECT_NE(prompt.find("Hello there."), std::string::npos) << prompt;
    EXPECT_NE(prompt.find("Which word?"), std::string::npos) << prompt;
    EXPECT_GT(second["response"]["usage"]["input_tokens_details"]["cached_tokens"], 0);
    // Another connection knows nothing of it.
    ResponsesClient other(node.port());
    const Json missed = other.ask({{"input", "And?"}, {"previous_response_id", first["response"]["id"]}});
    EXPECT_EQ(missed["type"], "error");
    EXPECT_EQ(missed["status"], 400);
    EXPECT_EQ(missed["error"]["code"], "previous_response_not_found");
    EXPECT_EQ(missed["error"]["param"], "previous_response_id");
    EXPECT_EQ(other.ask({{"input", "Anew."}})["type"], "response.completed");
}

TEST(ResponsesSocket, ForgetsWhatAFailedRequestWentOnFrom) {
    Node node;
    ResponsesClient client(node.port());
    const std::string id = client.ask({{"input", "hi"}})["response"]["id"];
    const Json output{{"type", "function_call_output"}, {"call_id", "call_missing"}, {"output", "?"}};
    const Json failed = client.ask({{"previous_response_id", id}, {"input", Json::array({output})}});
    EXPECT_EQ(failed["type"], "error");
    const Json retried = client.ask({{"previous_response_id", id}, {"input", "again"}});
    EXPECT_EQ(retried["error"]["code"], "previous_response_not_found");
}

TEST(ResponsesSocket, KeepsTheLastTurnsOnly) {
    Node node;
    ResponsesClient client(node.port());
    std::vector<std::string> ids;
    for (int i = 0; i < 5; ++i) ids.push_back(client.ask({{"input", "hi"}})["response"]["id"]);
    EXPECT_EQ(client.ask({{"previous_response_id", ids[1]}, {"input", "on"}})["type"], "response.completed");
    EXPECT_EQ(client.ask({{"previous_response_id", ids[0]}, {"input", "on"}})["type"], "error");
}

TEST(ResponsesSocket, WarmsUpWithoutAWord) {
    Node node;
    ResponsesClient client(node.port());
    const Json warm =
        client.ask({{"instructions", "Be brief. " + std::string(3000, 'y')}, {"generate", false}});
    EXPECT_EQ(warm["response"]["status"], "completed");
    EXPECT_EQ(warm["response"]["output"], Json::array());
    EXPECT_EQ(client.said, "");
    const Json next = client.ask({{"instructions", "Be brief. " + std::string(3000, 'y')},
                                  {"previous_response_id", warm["response"]["id"]},
                                  {"input", "hi"}});
    EXPECT_EQ(client.said, "Hello there.");
    EXPECT_GT(next["response"]["usage"]["input_tokens_details"]["cached_tokens"], 100);
}

TEST(ResponsesSocket, AnswersOneAfterAnother) {
    Node node;
    ResponsesClient client(node.port());
    for (int i = 0; i < 40; ++i) client.send(api::to_text(create({{"input", std::to_string(i)}})));
    for (int i = 0; i < 40; ++i) EXPECT_EQ(client.read_end()["type"], "response.completed");
}

TEST(ResponsesSocket, EndsEarlyWhenAsked) {
    Node node(test::slow_model());
    node.api.say(test::kLongAnswer);
    ResponsesClient client(node.port());
    client.send(api::to_text(create({{"input", "hi"}})));
    while (client.read().find("output_text.delta") == std::string::npos) {
    }
    client.send(R"({"type":"response.cancel"})");
    EXPECT_EQ(client.read_end()["response"]["status"], "cancelled");
    EXPECT_TRUE(node.becomes_idle());
    client.send(R"({"type":"response.cancel"})");  // too late for anything: no answer
    node.api.say("<|channel|>final<|message|>Hello again.<|return|>");
    EXPECT_EQ(client.ask({{"input", "hi"}})["type"], "response.completed");
    EXPECT_EQ(client.said, "Hello again.");
}

TEST(ResponsesSocket, TellsErrorsAndGoesOn) {
    Node node;
    ResponsesClient client(node.port());
    const auto error_of = [&client](const std::string& text) {
        client.send(text);
        const Json event = Json::parse(client.read());
        EXPECT_EQ(event["type"], "error");
        EXPECT_EQ(event["status"], 400);
        EXPECT_TRUE(event["error"]["code"].is_string());
        return event["error"];
    };
    error_of("no JSON");
    error_of("[]");
    error_of(std::string(5000, '['));
    EXPECT_EQ(error_of(R"({"type":"session.update"})")["param"], "type");
    EXPECT_EQ(error_of(api::to_text(create({{"input", "hi"}, {"background", true}})))["param"], "background");
    EXPECT_EQ(error_of(api::to_text(create({{"input", 5}})))["param"], "input");
    EXPECT_EQ(client.ask({{"input", "hi"}})["type"], "response.completed");
}

TEST(ResponsesSocket, CountsEachRequestAgainstItsClientsLimits) {
    http::ServerOptions options;
    options.client_limit.requests_per_minute = 3;
    Node node({}, options);
    ResponsesClient client(node.port());
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.ask({{"input", "hi"}})["type"], "response.completed");
    const Json refused = client.ask({{"input", "hi"}});
    EXPECT_EQ(refused["type"], "error");
    EXPECT_EQ(refused["status"], 429);
    EXPECT_EQ(refused["error"]["code"], "rate_limit_exceeded");
}

TEST(ResponsesSocket, AsksForTheKeyEachTime) {
    const auto keys = test::keys_of("alice 0123456789abcdef\n");
    Node node({}, {}, keys);
    EXPECT_EQ(test::ask(node.port(), "GET", kPath).status, 401);
    ResponsesClient client(node.port(), "0123456789abcdef");
    EXPECT_EQ(client.ask({{"input", "hi"}})["type"], "response.completed");
    node.server->reconfigure({}, test::keys_of("bob fedcba9876543210\n"));
    EXPECT_EQ(client.ask({{"input", "hi"}})["status"], 401);
}

TEST(ResponsesSocket, AClientThatLeavesEndsItsGeneration) {
    Node node(test::slow_model());
    node.api.say(test::kLongAnswer);
    {
        ResponsesClient client(node.port());
        client.send(api::to_text(create({{"input", "hi"}})));
        while (client.read().find("output_text.delta") == std::string::npos) {
        }
        EXPECT_EQ(node.running(), 1);
    }
    EXPECT_TRUE(node.becomes_idle());
}

TEST(ResponsesSocket, FinishesWhatIsBeingSaidWhenTheServerDrains) {
    Node node(test::slow_model());
    node.api.say("<|channel|>final<|message|>" + std::string(300, 'x') + "<|return|>");
    ResponsesClient client(node.port());
    client.send(api::to_text(create({{"input", "hi"}})));
    while (client.read().find("output_text.delta") == std::string::npos) {
    }
    node.server->drain();
    EXPECT_EQ(client.read_end()["type"], "response.completed");
    EXPECT_EQ(client.read(), "closed 1001");
    EXPECT_TRUE(node.server->wait_until_idle(3s));
}

TEST(ResponsesSocket, NeedsAHandshake) {
    Node node;
    const auto reply = test::ask(node.port(), "GET", kPath);
    EXPECT_EQ(reply.status, 426);
    EXPECT_EQ(reply.headers.at("upgrade"), "websocket");
}

}  // namespace
}  // namespace gptoss

// Errors that the server gives itself, in the shape of the API that was asked.
#include <gtest/gtest.h>

#include "http/http_client.h"
#include "http/keys_of.h"
#include "http/node_fixture.h"

namespace gptoss {
namespace {

using api::Json;
using test::ask;
using test::HttpReply;
using test::Node;

void expect_anthropic(const HttpReply& reply, int status, const std::string& type) {
    EXPECT_EQ(reply.status, status);
    const Json body = Json::parse(reply.body);
    EXPECT_EQ(body["type"], "error") << reply.body;
    EXPECT_EQ(body["error"]["type"], type) << reply.body;
    EXPECT_FALSE(body["error"]["message"].get<std::string>().empty());
}

const std::string kMessage = R"({"model":"m","max_tokens":10,"messages":[{"role":"user","content":"hi"}]})";

TEST(ErrorShape, OfMessagesIsAnthropics) {
    http::ServerOptions options;
    options.body_limit_bytes = 2000;
    options.client_limit.requests_per_minute = 3;
    Node node({}, options, test::keys_of("alice 0123456789abcdef\n"));
    const std::string alice = "X-Api-Key: 0123456789abcdef\r\n";
    for (const char* path : {"/v1/messages", "/v1/messages/count_tokens"}) {
        const HttpReply refused = ask(node.port(), "POST", path, kMessage);
        expect_anthropic(refused, 401, "authentication_error");
        EXPECT_TRUE(refused.headers.contains("www-authenticate"));
    }
    expect_anthropic(ask(node.port(), "POST", "/v1/messages", std::string(3000, ' '), alice), 413,
                     "request_too_large");
    expect_anthropic(
        ask(node.port(), "POST", "/v1/messages", kMessage, alice + "Content-Type: text/plain\r\n"), 415,
        "invalid_request_error");
    expect_anthropic(ask(node.port(), "POST", "/v1/messages", "{", alice), 400, "invalid_request_error");
    int taken = 0;
    HttpReply last;
    do {
        last = ask(node.port(), "POST", "/v1/messages", kMessage, alice);
    } while (last.status == 200 && ++taken < 5);
    expect_anthropic(last, 429, "rate_limit_error");
    EXPECT_TRUE(last.headers.contains("retry-after"));
    // The other APIs keep OpenAI's.
    const HttpReply chat = ask(node.port(), "POST", test::kChat, test::chat_body());
    EXPECT_EQ(Json::parse(chat.body)["error"]["code"], "invalid_api_key") << chat.body;
}

TEST(ErrorShape, OfMessagesWithoutAModelToo) {
    node::Metrics metrics;
    node::NodeState state;
    const http::Router router = node::make_routes(state, metrics);
    http::ServerOptions options;
    options.port = 0;
    http::Server server(options, router, {}, metrics);
    expect_anthropic(ask(server.port(), "POST", "/v1/messages", kMessage), 503, "overloaded_error");
}

// Whoever says which version of Anthropic's API it speaks gets its errors and ids on every path.
TEST(ErrorShape, OfAnthropicsClientsEverywhere) {
    Node node;
    const std::string version = "Anthropic-Version: 2023-06-01\r\n";
    expect_anthropic(ask(node.port(), "GET", "/v1/messages", "", version), 405, "invalid_request_error");
    expect_anthropic(ask(node.port(), "POST", "/v1/messages/batches", "{}", version), 404, "not_found_error");
    expect_anthropic(ask(node.port(), "GET", "/v1/models/nothing", "", version), 404, "not_found_error");
    expect_anthropic(
        ask(node.port(), "POST", "/v1/messages", kMessage, version + "Origin: http://evil.example\r\n"), 403,
        "permission_error");
    const HttpReply good = ask(node.port(), "POST", "/v1/messages", kMessage, version);
    EXPECT_EQ(good.status, 200) << good.body;
    EXPECT_EQ(good.headers.at("request-id"), good.headers.at("x-request-id"));
    const HttpReply other = ask(node.port(), "GET", "/v1/models/nothing");
    EXPECT_FALSE(Json::parse(other.body).contains("type")) << other.body;
    EXPECT_FALSE(other.headers.contains("request-id"));
}

TEST(CountTokens, GoesBeyondTheContext) {
    Node node;
    const auto count = [&](std::size_t words) {
        std::string text;
        for (std::size_t i = 0; i < words; ++i) text += "word ";
        const HttpReply reply =
            ask(node.port(), "POST", "/v1/messages/count_tokens",
                R"({"model":"m","messages":[{"role":"user","content":")" + text + R"("}]})");
        return Json::parse(reply.body).value("input_tokens", -1);
    };
    const int context = node.api.engine()->options().context_length;
    const int few = count(1000), many = count(20'000);
    ASSERT_GT(many, context);
    EXPECT_EQ(many - few, 19'000);  // a token for each word
}

TEST(Cors, PagesMayReadWhatWasLeftOut) {
    http::ServerOptions options;
    options.cors_origin = "*";
    Node node({}, options);
    const HttpReply reply = ask(node.port(), "GET", "/health", "", "Origin: https://app.example\r\n");
    EXPECT_NE(reply.headers.at("access-control-expose-headers").find("X-Tools-Left-Out"), std::string::npos);
}

}  // namespace
}  // namespace gptoss

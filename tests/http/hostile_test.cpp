// What clients without a key, or without good will, may send: nothing of it is held, and each gets its status.
#include <gtest/gtest.h>

#include "base/limits.h"
#include "http/body_budget.h"
#include "http/http_client.h"
#include "http/keys_of.h"
#include "http/node_fixture.h"

namespace gptoss {
namespace {

using namespace std::chrono_literals;
using test::ask;
using test::chat_body;
using test::HttpClient;
using test::HttpReply;
using test::kChat;
using test::Node;

const std::string kPost = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n";
const std::string kChunked = kPost + "Transfer-Encoding: chunked\r\n\r\n";
const std::string kNext = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n";

// Sends a head and then four megabytes of `piece`: the reply comes before there is an end to it.
int status_of_endless(std::uint16_t port, const std::string& head, const std::string& piece) {
    HttpClient client(port);
    client.send(head);
    for (std::size_t sent = 0; sent < (std::size_t{4} << 20); sent += piece.size()) client.send(piece);
    return client.read_reply().status;
}

TEST(Hostile, WhatFramesABodyHasABound) {
    Node node;
    const std::string field = "x: " + std::string(1000, 'y') + "\r\n";
    EXPECT_EQ(status_of_endless(node.port(), kChunked + "5;", std::string(1000, 'a')), 400);
    EXPECT_EQ(status_of_endless(node.port(), kChunked, std::string(1000, '0')), 400);
    EXPECT_EQ(status_of_endless(node.port(), kChunked + "0\r\n", field), 400);
    // Each chunk is fine; all of them say more than they carry.
    EXPECT_EQ(status_of_endless(node.port(), kChunked, "1;" + std::string(8000, 'a') + "\r\n \r\n"), 400);
    EXPECT_EQ(ask(node.port(), "GET", "/health").status, 200);
}

TEST(Hostile, AChunkLineThatIsTooLongIsA400) {
    Node node;
    HttpClient client(node.port());
    client.send(kChunked + "5;" + std::string(limits::kChunkLineBytes + 10, 'a'));
    EXPECT_EQ(client.read_reply().status, 400);
    EXPECT_TRUE(client.closed_by_server(5s));
}

TEST(Hostile, AChunkBeyondTheLimitIsRefusedBeforeItComes) {
    Node node;
    for (const char* size : {"ffffffffffffffff", "8000000000000000", "2000001"}) {
        HttpClient client(node.port());
        client.send(kChunked + size + "\r\n");
        EXPECT_EQ(client.read_reply().status, 413) << size;
        EXPECT_TRUE(client.closed_by_server(5s)) << size;
    }
}

TEST(Hostile, TakesManySmallChunks) {
    Node node;
    HttpClient client(node.port());
    std::string bytes = kChunked;
    for (const char each : std::string(20'000, ' ') + chat_body())
        bytes += "1;n=1\r\n" + std::string(1, each) + "\r\n";
    client.send(bytes + "0\r\nX-Trailer: y\r\n\r\n" + kNext);
    EXPECT_EQ(client.read_reply().status, 200);
    EXPECT_EQ(client.read_reply().status, 200);
}

TEST(Hostile, AmbiguousFramingEndsTheConnection) {
    Node node;
    const std::string chat = chat_body();
    for (const auto& [status, fields] : std::vector<std::pair<int, std::string>>{
             {400, "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
             {400, "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde"},
             {400, "Content-Length: 5, 5\r\n\r\nabcde"},
             {400, "Content-Length: +5\r\n\r\nabcde"},
             {400, "Content-Length: \r\n\r\n"},
             {400, "Content-Length : 5\r\n\r\nabcde"},
             {400, "Transfer-Encoding: xchunked\r\n\r\n"},
             {400, "Transfer-Encoding: gzip\r\n\r\n"},
             {400, "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"},
             {501, "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
             {400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"},
             {400, "Host: y\r\n\r\n"}}) {
        HttpClient client(node.port());
        client.send(kPost + fields + kNext);
        EXPECT_EQ(client.read_reply().status, status) << fields;
        EXPECT_TRUE(client.closed_by_server(5s)) << fields;  // the next request is not looked at
    }
}

TEST(Hostile, TheHeaderIsAnsweredBeforeABodyComes) {
    http::ServerOptions options;
    options.body_limit_bytes = 1000;
    options.client_limit.requests_per_minute = 1;
    Node node({}, options, test::keys_of("alice 0123456789abcdef\nbob fedcba9876543210\n"));
    const std::string alice = "Authorization: Bearer 0123456789abcdef\r\n";
    const auto answer_to = [&](const std::string& fields) {
        HttpClient client(node.port());
        client.send(kPost + fields + "\r\n");
        const HttpReply reply = client.read_reply();
        EXPECT_TRUE(client.closed_by_server(5s)) << fields;
        return reply.status;
    };
    EXPECT_EQ(answer_to("Content-Length: 900\r\n"), 401);
    EXPECT_EQ(answer_to("Transfer-Encoding: chunked\r\n"), 401);
    EXPECT_EQ(answer_to("Expect: 100-continue\r\nContent-Length: 900\r\n"), 401);
    EXPECT_EQ(answer_to(alice + "Content-Length: 1001\r\n"), 413);
    EXPECT_EQ(answer_to(alice + "Expect: 100-continue\r\nContent-Length: 1001\r\n"), 413);
    EXPECT_EQ(answer_to(alice + "Expect: 200-maybe\r\nContent-Length: 900\r\n"), 417);
    EXPECT_EQ(ask(node.port(), "POST", kChat, chat_body(), alice).status, 200);
    EXPECT_EQ(answer_to(alice + "Content-Length: 900\r\n"), 429);
    // Anthropic's clients send the key so.
    EXPECT_EQ(ask(node.port(), "POST", kChat, chat_body(), "x-api-key: fedcba9876543210\r\n").status, 200);
}

TEST(Hostile, BodiesBeyondTheBudgetAreRefusedForNow) {
    http::ServerOptions options;
    options.body_limit_bytes = 300'000;
    options.body_budget_bytes = 100'000;
    Node node({}, options);
    for (int round = 0; round < 3; ++round) {  // what was refused is given back
        const HttpReply refused = ask(node.port(), "POST", kChat, chat_body() + std::string(150'000, ' '));
        EXPECT_EQ(refused.status, 429);
        EXPECT_TRUE(refused.headers.contains("retry-after"));
        EXPECT_EQ(ask(node.port(), "POST", kChat, chat_body() + std::string(90'000, ' ')).status, 200);
    }
}

TEST(BodyBudget, IsSharedAndNoClientHasItAll) {
    http::BodyBudget budget(100, 60);
    {
        http::BodyBudget::Share alice(budget, "alice"), more_of_alice(budget, "alice");
        EXPECT_TRUE(alice.grow(40));
        EXPECT_TRUE(more_of_alice.grow(20));
        EXPECT_FALSE(more_of_alice.grow(1));
        http::BodyBudget::Share bob(budget, "bob");
        EXPECT_FALSE(bob.grow(41));
        EXPECT_TRUE(bob.grow(40));
        EXPECT_FALSE(http::BodyBudget::Share(budget, "carol").grow(1));
        alice = {};
        EXPECT_EQ(budget.held_bytes(), 60U);
        EXPECT_TRUE(http::BodyBudget::Share(budget, "carol").grow(40));
    }
    EXPECT_EQ(budget.held_bytes(), 0U);
    EXPECT_FALSE(http::BodyBudget::Share().grow(1));
}

TEST(Hostile, TakesNoBodyThatABrowserSendsUnasked) {
    Node node;
    const auto status_as = [&](const std::string& fields) {
        return ask(node.port(), "POST", kChat, chat_body(), fields).status;
    };
    EXPECT_EQ(status_as("Content-Type: text/plain;charset=UTF-8\r\n"), 415);
    EXPECT_EQ(status_as("Content-Type: multipart/form-data; boundary=x\r\n"), 415);
    EXPECT_EQ(status_as("Content-Encoding: gzip\r\n"), 415);
    EXPECT_EQ(status_as("Content-Encoding: identity\r\nContent-Type: application/json; charset=utf-8\r\n"),
              200);
    EXPECT_EQ(status_as("Content-Type: application/x-www-form-urlencoded\r\n"), 200);  // what curl says
    EXPECT_EQ(status_as("Content-Type: application/vnd.api+json\r\n"), 200);
    EXPECT_EQ(status_as("Origin: https://evil.example\r\n"), 403);
    HttpClient rebound(node.port());
    rebound.send("GET /v1/status HTTP/1.1\r\nHost: evil.example:8080\r\n\r\n");
    EXPECT_EQ(rebound.read_reply().status, 403);
}

TEST(Hostile, TakesTheFormThatProxiesAreSent) {
    Node node;
    HttpClient client(node.port());
    client.send("GET http://node.example/version?x=1 HTTP/1.1\r\nHost: other.example\r\n\r\n");
    EXPECT_EQ(client.read_reply().status, 200);
    client.send("GET ftp://node.example/version HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(client.read_reply().status, 400);
}

}  // namespace
}  // namespace gptoss

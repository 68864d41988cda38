#include "http/request_target.h"

#include <gtest/gtest.h>

namespace gptoss::http {
namespace {

std::string read(std::string_view target) {
    const auto read = read_request_target(target);
    if (!read) return "none";
    return read->authority + "|" + read->path + "|" + read->query;
}

TEST(RequestTarget, DecodesPathsAndKeepsQueries) {
    EXPECT_EQ(read("/v1/models/openai%2Fgpt-oss?x=%20"), "|/v1/models/openai/gpt-oss|x=%20");
    EXPECT_EQ(read("/a%2"), "|/a%2|");
    EXPECT_EQ(read("/a%zz%4"), "|/a%zz%4|");
    EXPECT_EQ(read("/a#b?c"), "|/a|");
    EXPECT_EQ(read("/"), "|/|");
    EXPECT_EQ(read("*"), "|*|");
}

TEST(RequestTarget, TakesTheAbsoluteForm) {
    EXPECT_EQ(read("http://node.example/health"), "node.example|/health|");
    EXPECT_EQ(read("HTTPS://node.example:8443/a?b"), "node.example:8443|/a|b");
    EXPECT_EQ(read("http://node.example"), "node.example|/|");
    EXPECT_EQ(read("http://[::1]:80?x"), "[::1]:80|/|x");
}

TEST(RequestTarget, TakesNothingElse) {
    for (const char* wrong : {"", "health", "node.example:80", "ftp://node.example/", "http://", "http:///a",
                              "http://user@node.example/", "http://a b/", "**"})
        EXPECT_EQ(read(wrong), "none") << wrong;
}

TEST(RequestTarget, FindsTheHostOfAnAuthority) {
    EXPECT_EQ(host_of("node.example"), "node.example");
    EXPECT_EQ(host_of("node.example:8080"), "node.example");
    EXPECT_EQ(host_of("127.0.0.1:1"), "127.0.0.1");
    EXPECT_EQ(host_of("[::1]:8080"), "::1");
    EXPECT_EQ(host_of("[fe80::1%eth0]"), "fe80::1%eth0");
    for (const char* wrong :
         {"", ":80", "a:b", "a:1:2", "a:123456", "[::1", "[]", "[::1]x", "a/b", "a@b", "::1"})
        EXPECT_EQ(host_of(wrong), "") << wrong;
}

}  // namespace
}  // namespace gptoss::http

#include "http/origin.h"

#include <gtest/gtest.h>

namespace gptoss::http {
namespace {

HttpRequest request_to(const std::string& host, const std::string& origin = {}) {
    HttpRequest request;
    request.authority = host;
    if (!origin.empty()) request.headers.add("Origin", origin);
    return request;
}

int status_of(const OriginRules& rules, const HttpRequest& request) {
    const auto reply = refuse_foreign(rules, request);
    return reply ? reply->status : 0;
}

std::string field(const std::vector<std::pair<std::string, std::string>>& fields, std::string_view wanted) {
    for (const auto& [name, value] : fields)
        if (name == wanted) return value;
    return "none";
}

TEST(Origin, AnswersToItsAddressLocalhostAndConfiguredNames) {
    const OriginRules rules{"127.0.0.1", {"node.example"}, {}};
    for (const char* own :
         {"127.0.0.1", "127.0.0.1:8080", "localhost", "LocalHost:1", "a.localhost", "127.1.2.3", "[::1]:80",
          "node.example", "Node.Example:443", "node", "", "localhost."})
        EXPECT_EQ(status_of(rules, request_to(own)), 0) << own;
    for (const char* foreign :
         {"evil.example", "evil.example:8080", "node.example.evil", "1.2.3.4", "[2001:db8::1]",
          "127.0.0.1.evil.example", "notlocalhost.x", "x.node.example"})
        EXPECT_EQ(status_of(rules, request_to(foreign)), 403) << foreign;
}

TEST(Origin, BoundToAllItAnswersToEveryAddressAndNoMoreNames) {
    for (const char* bound : {"0.0.0.0", "::"}) {
        const OriginRules rules{bound, {}, {}};
        EXPECT_EQ(status_of(rules, request_to("192.168.1.7:8080")), 0);
        EXPECT_EQ(status_of(rules, request_to("[2001:db8::1]:8080")), 0);
        EXPECT_EQ(status_of(rules, request_to("evil.example")), 403);
    }
    EXPECT_EQ(status_of({"192.168.1.7", {}, {}}, request_to("192.168.1.7")), 0);
    EXPECT_EQ(status_of({"192.168.1.7", {}, {}}, request_to("192.168.1.8")), 403);
    EXPECT_EQ(status_of({"127.0.0.1", {"*"}, {}}, request_to("any.example")), 0);
}

TEST(Origin, RefusesOtherSitesPages) {
    const OriginRules rules{"127.0.0.1", {}, {"https://app.example", "http://b.example:81"}};
    EXPECT_EQ(status_of(rules, request_to("localhost:8080", "http://localhost:8080")), 0);
    EXPECT_EQ(status_of(rules, request_to("localhost:8080", "https://app.example")), 0);
    EXPECT_EQ(status_of(rules, request_to("localhost:8080", "http://b.example:81")), 0);
    for (const char* foreign :
         {"https://evil.example", "null", "http://localhost:8081", "https://app.example.evil",
          "http://app.example", "file://", "https://evil.example/https://app.example"})
        EXPECT_EQ(status_of(rules, request_to("localhost:8080", foreign)), 403) << foreign;
    EXPECT_EQ(status_of({"127.0.0.1", {}, {"*"}}, request_to("localhost", "https://any.example")), 0);
    // A page of a name that points here is of the "same origin" and still not welcome.
    EXPECT_EQ(status_of(rules, request_to("evil.example:8080", "http://evil.example:8080")), 403);
}

TEST(Origin, AProxysFormMayNameAnything) {
    HttpRequest request = request_to("node.example");
    request.absolute_target = true;
    EXPECT_EQ(status_of({}, request), 0);
}

TEST(Origin, APreflightMaySendWhatItAsksFor) {
    HttpRequest request = request_to("localhost", "https://app.example");
    request.method = "OPTIONS";
    EXPECT_FALSE(is_preflight(request));
    request.headers.add("Access-Control-Request-Method", "POST");
    request.headers.add("Access-Control-Request-Headers", "authorization,x-stainless-os");
    EXPECT_TRUE(is_preflight(request));
    const api::HttpResponse reply = preflight_reply(request, "GET, POST");
    EXPECT_EQ(reply.status, 204);
    EXPECT_EQ(field(reply.headers, "Access-Control-Allow-Headers"), "authorization,x-stainless-os");
    EXPECT_EQ(field(reply.headers, "Access-Control-Allow-Methods"), "GET, POST");
    HttpRequest strange = request_to("localhost", "https://app.example");
    strange.headers.add("Access-Control-Request-Headers",
                        "a\x01"
                        "b");
    EXPECT_EQ(field(preflight_reply(strange, "GET").headers, "Access-Control-Allow-Headers"), "none");
}

TEST(Origin, TellsBrowsersWhoseRepliesMayBeRead) {
    const OriginRules rules{"127.0.0.1", {}, {"https://app.example"}};
    const auto fields = cors_fields(rules, request_to("localhost", "https://app.example"));
    EXPECT_EQ(field(fields, "Access-Control-Allow-Origin"), "https://app.example");
    EXPECT_EQ(field(fields, "Vary"), "Origin");
    EXPECT_EQ(field(cors_fields(rules, request_to("localhost")), "Access-Control-Allow-Origin"), "none");
    EXPECT_EQ(field(cors_fields({"127.0.0.1", {}, {"*"}}, request_to("x")), "Access-Control-Allow-Origin"),
              "*");
    EXPECT_TRUE(cors_fields({}, request_to("localhost")).empty());
}

}  // namespace
}  // namespace gptoss::http

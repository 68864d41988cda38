#include "http/router.h"

#include <gtest/gtest.h>

namespace gptoss::http {
namespace {

TEST(Router, FindsByMethodAndPath) {
    Router router;
    router.add({"GET", "/a", false, {}});
    router.add({"POST", "/a", false, {}});
    router.add({"GET", "/a/*", false, {}});
    const auto find = [&](const std::string& method, const std::string& path) {
        HttpRequest request{method, path};
        const Router::Match match = router.find(request);
        return (match.route != nullptr ? match.route->method + " " + match.route->path
                                       : "(" + match.allowed_methods + ")") +
               (request.rest.empty() ? "" : " rest " + request.rest);
    };
    EXPECT_EQ(find("GET", "/a"), "GET /a");
    EXPECT_EQ(find("HEAD", "/a"), "GET /a");
    EXPECT_EQ(find("POST", "/a"), "POST /a");
    EXPECT_EQ(find("PUT", "/a"), "(GET, POST)");
    EXPECT_EQ(find("GET", "/a/"), "()");
    EXPECT_EQ(find("GET", "/a/b/c"), "GET /a/* rest b/c");
    EXPECT_EQ(find("GET", "/b"), "()");
}

}  // namespace
}  // namespace gptoss::http

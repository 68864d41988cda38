#include "http/static_files.h"

#include <gtest/gtest.h>

namespace gptoss::http {
namespace {

constexpr std::string_view kPage = "<!doctype html>";
constexpr StaticFile kFiles[] = {{"/index.html", kPage},
                                 {"/assets/index-B2x9.js", "packed", true},
                                 {"/openapi.json", "{}"},
                                 {"/assets/mermaid-frame-c3.html", kPage}};

api::HttpResponse get(const std::string& path, const std::string& tags = {}) {
    Router router;
    add_static_routes(router, kFiles);
    HttpRequest request;
    request.method = "GET";
    request.path = path;
    if (!tags.empty()) request.headers.add("If-None-Match", tags);
    const Router::Match match = router.find(request);
    return std::get<api::HttpResponse>(match.route->handler(request, {}));
}

std::string header(const api::HttpResponse& reply, std::string_view wanted) {
    for (const auto& [name, value] : reply.headers)
        if (name == wanted) return value;
    return {};
}

TEST(StaticFiles, KeepsHashedFilesForeverAndAsksForThePageAgain) {
    const api::HttpResponse page = get("/");
    EXPECT_EQ(page.body, kPage);
    EXPECT_EQ(header(page, "Cache-Control"), "no-cache");
    EXPECT_EQ(header(get("/openapi.json"), "Cache-Control"), "no-cache");
    const api::HttpResponse script = get("/assets/index-B2x9.js");
    EXPECT_NE(header(script, "Cache-Control").find("immutable"), std::string::npos);
    EXPECT_EQ(header(script, "Content-Encoding"), "gzip");
    EXPECT_NE(header(script, "ETag"), header(page, "ETag"));
}

TEST(StaticFiles, SendsNothingToWhoHasTheFile) {
    const std::string tag = header(get("/"), "ETag");
    for (const std::string& tags : {tag, "W/" + tag, "\"other\", " + tag}) {
        const api::HttpResponse reply = get("/", tags);
        EXPECT_EQ(reply.status, 304) << tags;
        EXPECT_TRUE(reply.body.empty());
        EXPECT_EQ(header(reply, "ETag"), tag);
    }
    EXPECT_EQ(get("/", "\"other\"").status, 200);
}

TEST(StaticFiles, LetsCodeOfAModelRunInFramesWithoutNetworkOnly) {
    const std::string page = header(get("/"), "Content-Security-Policy");
    EXPECT_EQ(page.find("unsafe"), std::string::npos);
    EXPECT_EQ(page.find("sandbox"), std::string::npos);
    const std::string frame = header(get("/assets/mermaid-frame-c3.html"), "Content-Security-Policy");
    EXPECT_TRUE(frame.starts_with("default-src 'none'")) << frame;
    EXPECT_TRUE(frame.ends_with("sandbox allow-scripts")) << frame;  // no origin, no forms, no windows
    for (const char* way_out : {"connect-src", "http:", "https:", "frame-src", "img-src 'self'"})
        EXPECT_EQ(frame.find(way_out), std::string::npos) << way_out;
}

}  // namespace
}  // namespace gptoss::http

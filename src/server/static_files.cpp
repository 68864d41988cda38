#include "server/static_files.h"

#include <array>
#include <utility>

namespace gptoss::server {

namespace {

constexpr std::string_view kIndex = "/index.html";

// Nothing but the node's own files and the node's own API. Model output can then load, run and send nothing,
// even if the sanitiser missed something.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

api::Reply reply_with(const StaticFile& file) {
    api::Reply reply;
    reply.body = std::string(file.bytes);
    reply.content_type = std::string(content_type_of(file.path));
    // An asset's name holds a hash of its content; the page's name does not.
    const bool is_page = file.path == kIndex;
    reply.headers = {{"Cache-Control", is_page ? "no-cache" : "public, max-age=31536000, immutable"},
                     {"Content-Security-Policy", kPolicy},
                     {"X-Content-Type-Options", "nosniff"},
                     {"Referrer-Policy", "no-referrer"},
                     {"Cross-Origin-Opener-Policy", "same-origin"}};
    if (file.compressed) reply.headers.emplace_back("Content-Encoding", "gzip");
    return reply;
}

}  // namespace

std::string_view content_type_of(std::string_view path) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kTypes{{
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".woff2", "font/woff2"},
        {".json", "application/json"},
    }};
    for (const auto& [ending, type] : kTypes) {
        if (path.ends_with(ending)) return type;
    }
    return "application/octet-stream";
}

void add_static_routes(Router& router, std::span<const StaticFile> files) {
    for (const StaticFile& file : files) {
        const std::string path = file.path == kIndex ? "/" : std::string(file.path);
        router.add({"GET", path, true, [file](const HttpRequest&, const api::Caller&) -> api::Answer {
                        return reply_with(file);
                    }});
    }
}

}  // namespace gptoss::server

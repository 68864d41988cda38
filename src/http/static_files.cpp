#include "http/static_files.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <utility>

namespace gptoss::http {

namespace {

constexpr std::string_view kIndex = "/index.html";

// Nothing but the node's own files and the node's own API. Model output can then load, run and send nothing,
// even if the sanitiser missed something.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// Pages below /assets/ run code that a model wrote (diagrams, its JavaScript) inside the console's sandboxed frames: an
// origin of their own, and no network. The console's own frame-src keeps them from being led to another host.
constexpr const char* kFramePolicy =
    "default-src 'none'; script-src 'self' 'unsafe-eval' blob:; worker-src blob:; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-scripts";

// FNV-1a: tells versions of a file apart; nobody gains by making two of them collide.
std::string entity_tag(std::string_view bytes) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
    char text[sizeof "\"0123456789abcdef\""];
    std::snprintf(text, sizeof text, "\"%016llx\"", static_cast<unsigned long long>(hash));
    return text;
}

api::HttpResponse reply_with(const StaticFile& file, const std::string& tag, std::string_view client_tags) {
    api::HttpResponse reply;
    // A proxy that compressed or unpacked the file on its way may have made the tag a weak one: W/"…" counts
    // too.
    if (client_tags.find(tag) != std::string_view::npos) {
        reply.status = 304;
    } else {
        reply.body = std::string(file.bytes);
    }
    reply.content_type = std::string(content_type_of(file.path));
    // An asset's name holds a hash of its content; the other files' names do not.
    const bool is_asset = file.path.starts_with("/assets/");
    const bool is_frame = is_asset && file.path.ends_with(".html");
    reply.headers = {{"Cache-Control", is_asset ? "public, max-age=31536000, immutable" : "no-cache"},
                     {"ETag", tag},
                     {"Content-Security-Policy", is_frame ? kFramePolicy : kPolicy},
                     {"X-DNS-Prefetch-Control", "off"},
                     {"X-Content-Type-Options", "nosniff"},
                     {"Referrer-Policy", "no-referrer"},
                     {"Cross-Origin-Opener-Policy", "same-origin"}};
    if (file.compressed) reply.headers.emplace_back("Content-Encoding", "gzip");
    return reply;
}

}  // namespace

std::string_view content_type_of(std::string_view path) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kTypes{{
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
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
        router.add({"GET", path, true,
                    [file, tag = entity_tag(file.bytes)](const HttpRequest& request,
                                                         const api::Caller&) -> api::HandlerResult {
                        return reply_with(file, tag, request.headers.value("If-None-Match"));
                    }});
    }
}

}  // namespace gptoss::http

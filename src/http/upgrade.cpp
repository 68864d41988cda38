#include "http/upgrade.h"

#include "http/replies.h"

namespace gptoss::http {

namespace {

constexpr const char* kVersion = "13";
constexpr std::size_t kKeyLength = 24;  // 16 bytes in Base64

}  // namespace

bool asks_for_websocket(const HttpRequest& request) {
    return request.minor_version >= 1 && request.headers.lists("Connection", "upgrade") &&
           request.headers.lists("Upgrade", "websocket");
}

api::HttpResponse websocket_only_reply(const std::string& instead) {
    api::HttpResponse reply =
        error_reply(Error(ErrorCode::request_invalid, "This path speaks WebSocket, version 13, alone.",
                          "Send the fields of its handshake, or " + instead + "."),
                    426);
    reply.headers.insert(reply.headers.end(),
                         {{"Upgrade", "websocket"}, {"Sec-WebSocket-Version", kVersion}});
    return reply;
}

std::optional<api::HttpResponse> refuse_handshake(const HttpRequest& request) {
    if (request.headers.value("Sec-WebSocket-Version") != kVersion) return websocket_only_reply("speak HTTP");
    if (request.headers.value("Sec-WebSocket-Key").size() == kKeyLength) return std::nullopt;
    return error_reply(Error(ErrorCode::request_invalid, "Sec-WebSocket-Key must hold 16 bytes in Base64."));
}

}  // namespace gptoss::http

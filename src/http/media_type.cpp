#include "http/media_type.h"

#include "http/replies.h"

namespace gptoss::http {

namespace {

// "application/json; charset=utf-8" -> "application/json"
std::string_view media_type_of(const HttpRequest& request) {
    std::string_view type = request.headers.value("Content-Type");
    type = type.substr(0, type.find(';'));
    while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
    return type;
}

bool is_json(std::string_view type) {
    constexpr std::string_view kSuffix = "+json";
    return equal_without_case(type, "application/json") ||
           (type.size() > kSuffix.size() &&
            equal_without_case(type.substr(type.size() - kSuffix.size()), kSuffix));
}

}  // namespace

bool says_json(const HttpRequest& request) {
    return is_json(media_type_of(request));
}

std::optional<api::HttpResponse> refuse_media_type(const HttpRequest& request) {
    if (!request.has_body()) return std::nullopt;
    const std::string_view encoding = request.headers.value("Content-Encoding");
    if (!encoding.empty() && !equal_without_case(encoding, "identity")) {
        api::HttpResponse reply =
            error_reply(Error(ErrorCode::request_invalid, "Bodies with a Content-Encoding are not taken.",
                              "Send plain JSON."),
                        415);
        reply.headers.emplace_back("Accept-Encoding", "identity");
        return reply;
    }
    const std::string_view type = media_type_of(request);
    if (type.empty() || is_json(type) || equal_without_case(type, "application/x-www-form-urlencoded"))
        return std::nullopt;
    return error_reply(
        Error(ErrorCode::request_invalid, "The body must be JSON.", "Send Content-Type: application/json."),
        415);
}

}  // namespace gptoss::http

#include "http/replies.h"

#include <algorithm>
#include <boost/beast/http/error.hpp>

#include "api/error_reply.h"
#include "api/random_id.h"
#include "http/bounded_body.h"

namespace gptoss::http {

namespace beast_http = boost::beast::http;

namespace {
constexpr std::size_t kLongestRequestId = 128;
}

api::HttpResponse error_reply(const Error& error, int status) {
    api::HttpResponse reply = api::json_reply(api::openai_error(error), status);
    api::add_retry_after(reply, error);
    if (status == 401) reply.headers.emplace_back("WWW-Authenticate", "Bearer");
    return reply;
}

api::HttpResponse error_reply(const Error& error) {
    return error_reply(error, api::http_status(error.code()));
}

api::HttpResponse method_reply(const std::string& path, const std::string& allowed_methods) {
    api::HttpResponse reply =
        error_reply(Error(ErrorCode::request_invalid, path + " takes " + allowed_methods + "."), 405);
    reply.headers.emplace_back("Allow", allowed_methods);
    return reply;
}

api::HttpResponse options_reply(const std::string& allowed_methods) {
    api::HttpResponse reply;
    reply.status = 204;
    reply.headers.emplace_back("Allow", allowed_methods);
    return reply;
}

api::HttpResponse too_large_reply(const std::string& what, std::size_t limit_bytes, int status) {
    return error_reply(Error(ErrorCode::request_invalid,
                             "The " + what + " is larger than " + std::to_string(limit_bytes) + " bytes."),
                       status);
}

std::optional<api::HttpResponse> unreadable_reply(boost::system::error_code problem,
                                                  const ServerOptions& options) {
    if (problem == beast_http::error::body_limit)
        return too_large_reply("body", options.body_limit_bytes, 413);
    if (problem == beast_http::error::header_limit)
        return too_large_reply("header", options.header_limit_bytes, 431);
    if (problem == budget_exhausted()) {
        return error_reply(Error(ErrorCode::queue_full, "Too many large requests are being read.",
                                 "Try again in 2 s.",
                                 {{"code", "rate_limit_exceeded"}, {"retry_after_s", "2"}}));
    }
    if (problem.category() != beast_http::make_error_code(beast_http::error::bad_method).category() ||
        problem == beast_http::error::end_of_stream || problem == beast_http::error::partial_message) {
        return std::nullopt;
    }
    return error_reply(Error(ErrorCode::request_invalid, "The request is not valid HTTP/1.1."), 400);
}

bool is_request_id(std::string_view given) {
    const auto is_fine = [](char each) {
        return (each >= '0' && each <= '9') || (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z') ||
               each == '-' || each == '_' || each == '.' || each == ':';
    };
    return !given.empty() && given.size() <= kLongestRequestId && std::ranges::all_of(given, is_fine);
}

std::string request_id_of(std::string_view given, std::string_view given_as_client) {
    for (const std::string_view id : {given, given_as_client})
        if (is_request_id(id)) return std::string(id);
    return api::random_id("req-");
}

}  // namespace gptoss::http

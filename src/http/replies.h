// Replies that the server gives itself, without any route.
#pragma once

#include <boost/system/error_code.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "api/response_stream.h"
#include "base/error.h"
#include "http/server.h"

namespace gptoss::http {

inline constexpr std::string_view kRequestIdField = "X-Request-Id";
// OpenAI's name for an id that the client gives.
inline constexpr std::string_view kClientRequestIdField = "X-Client-Request-Id";

// In OpenAI's shape, with the headers that belong to the status.
api::HttpResponse error_reply(const Error& error, int status);
api::HttpResponse error_reply(const Error& error);

api::HttpResponse method_reply(const std::string& path, const std::string& allowed_methods);  // 405
api::HttpResponse options_reply(const std::string& allowed_methods);                          // 204
// "The WHAT is larger than N bytes."
api::HttpResponse too_large_reply(const std::string& what, std::size_t limit_bytes, int status);

// To a request that could not be read; nothing for a connection that merely ended.
std::optional<api::HttpResponse> unreadable_reply(boost::system::error_code problem,
                                                  const ServerOptions& options);

// Whether an id that a client gives can stand in a log and a header.
bool is_request_id(std::string_view given);

// The client's own id, X-Request-Id before X-Client-Request-Id, or else a new one.
std::string request_id_of(std::string_view given, std::string_view given_as_client);

}  // namespace gptoss::http

// Replies that the server gives itself, without any route.
#pragma once

#include <boost/system/error_code.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "api/exchange.h"
#include "base/error.h"
#include "http/server.h"

namespace gptoss::http {

inline constexpr std::string_view kRequestIdField = "X-Request-Id";

// In OpenAI's shape, with the headers that belong to the status.
api::Reply error_reply(const Error& error, int status);
api::Reply error_reply(const Error& error);

api::Reply method_reply(const std::string& path, const std::string& allowed_methods);  // 405
api::Reply options_reply(const std::string& allowed_methods);                          // 204
// "The WHAT is larger than N bytes."
api::Reply too_large_reply(const std::string& what, std::size_t limit_bytes, int status);

// To a request that could not be read; nothing for a connection that merely ended.
std::optional<api::Reply> unreadable_reply(boost::system::error_code problem, const ServerOptions& options);

// A client's own X-Request-Id when it is one that can stand in a log and a header, or else a new one.
std::string request_id_of(std::string_view given);

}  // namespace gptoss::http

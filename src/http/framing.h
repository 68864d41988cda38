// Where a request's body ends (RFC 9112, sections 3.2 and 6). What two servers could understand in two ways is
// refused, and its connection closed: that is how requests are smuggled past a proxy.
#pragma once

#include <optional>
#include <string>

#include "http/http_request.h"

namespace gptoss::http {

struct FramingProblem {
    int status = 400;  // 400, or 501 for a transfer coding that is allowed and not offered here
    std::string message;
};

// Nothing when the header's framing is sound: exactly one Host (HTTP/1.1), at most one Content-Length of
// digits alone, no transfer coding but one "chunked", and not both.
std::optional<FramingProblem> find_framing_problem(const HttpRequest& request);

// The body's size as Content-Length says it; nothing when it is not said. Only for sound framing.
std::optional<std::size_t> content_length_of(const HttpRequest& request);

}  // namespace gptoss::http

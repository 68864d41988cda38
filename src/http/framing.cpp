#include "http/framing.h"

#include "base/number_text.h"
#include "http/request_target.h"

namespace gptoss::http {

namespace {

std::optional<FramingProblem> find_coding_problem(const HttpRequest& request) {
    const std::size_t fields = request.headers.count("Transfer-Encoding");
    if (fields == 0) return std::nullopt;
    if (request.minor_version == 0) return FramingProblem{400, "HTTP/1.0 has no Transfer-Encoding."};
    if (request.headers.count("Content-Length") > 0)
        return FramingProblem{400, "The request has both Transfer-Encoding and Content-Length."};
    const auto codings = list_items(request.headers.value("Transfer-Encoding"));
    if (fields == 1 && codings.size() == 1 && equal_without_case(codings.front(), "chunked"))
        return std::nullopt;
    const bool ends_chunked =
        fields == 1 && !codings.empty() && equal_without_case(codings.back(), "chunked");
    const bool is_chunked_twice =
        codings.size() > 1 && equal_without_case(codings[codings.size() - 2], "chunked");
    if (ends_chunked && !is_chunked_twice)
        return FramingProblem{501, "The only transfer coding offered here is chunked."};
    return FramingProblem{400, "Transfer-Encoding must be one field that ends with one \"chunked\"."};
}

}  // namespace

std::optional<FramingProblem> find_framing_problem(const HttpRequest& request) {
    const Headers& headers = request.headers;
    const std::size_t hosts = headers.count("Host");
    if (hosts > 1 || (hosts == 0 && request.minor_version > 0))
        return FramingProblem{400, "The request must have exactly one Host."};
    if (hosts == 1 && !headers.value("Host").empty() && host_of(headers.value("Host")).empty())
        return FramingProblem{400, "Host must be a host with an optional port."};
    if (headers.count("Content-Length") > 1)
        return FramingProblem{400, "The request has more than one Content-Length."};
    if (headers.count("Content-Length") == 1 && !number_of<std::size_t>(headers.value("Content-Length")))
        return FramingProblem{400, "Content-Length must be a whole number."};
    return find_coding_problem(request);
}

std::optional<std::size_t> content_length_of(const HttpRequest& request) {
    return number_of<std::size_t>(request.headers.value("Content-Length"));
}

}  // namespace gptoss::http

// The target of a request line (RFC 9112, section 3.2), taken apart.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gptoss::http {

struct RequestTarget {
    std::string path;       // percent-decoded, without query and fragment; "*" for OPTIONS *
    std::string query;      // as it was sent, without the "?"
    std::string authority;  // "host:port" of the absolute form, which proxies are sent; else empty
};

// "/v1/models/a%2Fb?x=1" -> path "/v1/models/a/b", query "x=1"; "http://host:1/x" -> path "/x", authority
// "host:1". Malformed escapes stay as they are. Nothing for what is none of the three forms.
std::optional<RequestTarget> read_request_target(std::string_view target);

// "host:80" -> "host", "[::1]:80" -> "::1". Empty when it is no host with an optional port.
std::string host_of(std::string_view authority);

}  // namespace gptoss::http

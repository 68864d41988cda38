// Which names a server answers to, and whose web pages may call it. A browser can be made to send requests to
// any address, also to one that only its user reaches; it says in Host and Origin on whose behalf.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/response_stream.h"
#include "http/http_request.h"

namespace gptoss::http {

struct OriginRules {
    std::string bound_address = "127.0.0.1";
    std::vector<std::string> hosts = {};    // further names it is called by, without port; "*" = any
    std::vector<std::string> origins = {};  // whose pages may call it: "https://app.example"; "*" = any
};

// "a, b" of a setting -> {"a", "b"}.
std::vector<std::string> list_of(const std::string& setting);

// True when `authority` (Host) names this server: the bound address, an address of this machine where it is
// bound to all, localhost, a name without a dot (no public domain has one; container networks do), or a
// configured one. What anyone could let point here is refused: that is how a page gets at another origin's
// answers (DNS rebinding).
bool is_own_host(const OriginRules& rules, const std::string& authority);

// True without Origin, and for the origin that the request itself is sent to.
bool is_same_origin(const HttpRequest& request);

bool is_allowed_origin(const OriginRules& rules, const std::string& origin);

// The 403 of a request whose Host or Origin may not; nothing when it may.
std::optional<api::HttpResponse> refuse_foreign(const OriginRules& rules, const HttpRequest& request);

// A browser asks, before it sends a page's request, whether it may.
bool is_preflight(const HttpRequest& request);

// 204 with what may be sent: every header the browser asks for, and the methods in `allowed_methods`.
api::HttpResponse preflight_reply(const HttpRequest& request, const std::string& allowed_methods);

// The fields that let the page read a reply. None for requests without an allowed Origin, unless all are.
std::vector<std::pair<std::string, std::string>> cors_fields(const OriginRules& rules,
                                                             const HttpRequest& request);

}  // namespace gptoss::http

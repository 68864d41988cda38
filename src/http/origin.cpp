#include "http/origin.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "http/replies.h"
#include "http/request_target.h"

namespace gptoss::http {

namespace {

constexpr std::string_view kAny = "*";
constexpr std::size_t kLongestHeaderList_bytes = 4096;

bool contains(const std::vector<std::string>& list, std::string_view wanted) {
    return std::ranges::any_of(
        list, [wanted](const std::string& each) { return each == kAny || equal_without_case(each, wanted); });
}

bool is_own_address(const OriginRules& rules, const boost::asio::ip::address& address) {
    boost::system::error_code problem;
    const auto bound = boost::asio::ip::make_address(rules.bound_address, problem);
    if (problem || bound.is_unspecified() || address == bound) return true;
    return bound.is_loopback() && address.is_loopback();
}

bool ends_with_localhost(std::string host) {
    constexpr std::string_view kLocalhost = ".localhost";
    if (host.ends_with('.')) host.pop_back();
    return equal_without_case(host, kLocalhost.substr(1)) ||
           (host.size() > kLocalhost.size() &&
            equal_without_case(std::string_view(host).substr(host.size() - kLocalhost.size()), kLocalhost));
}

// The origin's part after "://".
std::string_view authority_of(std::string_view origin) {
    const std::size_t scheme_end = origin.find("://");
    return scheme_end == std::string_view::npos ? std::string_view() : origin.substr(scheme_end + 3);
}

api::HttpResponse forbidden(const std::string& message, const std::string& hint, const std::string& code) {
    return error_reply(Error(ErrorCode::request_invalid, message, hint, {{"code", code}}), 403);
}

bool is_header_list(std::string_view text) {
    return text.size() <= kLongestHeaderList_bytes && std::ranges::all_of(text, [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      std::string_view(", -_.!#$%&'*+^`|~").find(c) != std::string_view::npos;
           });
}

}  // namespace

std::vector<std::string> list_of(const std::string& setting) {
    std::vector<std::string> list;
    for (const std::string_view item : list_items(setting)) list.emplace_back(item);
    return list;
}

bool is_own_host(const OriginRules& rules, const std::string& authority) {
    const std::string host = host_of(authority);
    if (contains(rules.hosts, host)) return true;
    boost::system::error_code no_address;
    const auto address = boost::asio::ip::make_address(host, no_address);
    if (!no_address) return is_own_address(rules, address);
    return ends_with_localhost(host) || host.find('.') == std::string::npos;
}

bool is_same_origin(const HttpRequest& request) {
    const auto origin = request.headers.find("Origin");
    // The scheme is left out: behind a proxy that ends TLS it is another one.
    return !origin ||
           (!request.authority.empty() && equal_without_case(authority_of(*origin), request.authority));
}

bool is_allowed_origin(const OriginRules& rules, const std::string& origin) {
    return contains(rules.origins, origin);
}

std::optional<api::HttpResponse> refuse_foreign(const OriginRules& rules, const HttpRequest& request) {
    // Pages cannot send the absolute form: only who takes this server for a proxy does.
    if (!request.absolute_target && !request.authority.empty() && !is_own_host(rules, request.authority)) {
        return forbidden("This node is not called \"" + host_of(request.authority) + "\".",
                         "Use its address or localhost, or name the host in GPTOSS_ALLOWED_HOSTS.",
                         "host_not_allowed");
    }
    const std::string origin(request.headers.value("Origin"));
    if (!is_same_origin(request) && !is_allowed_origin(rules, origin)) {
        return forbidden("Web pages of this origin may not call this node.",
                         "Name the page's origin in GPTOSS_CORS_ORIGIN.", "origin_not_allowed");
    }
    return std::nullopt;
}

bool is_preflight(const HttpRequest& request) {
    return request.method == "OPTIONS" && request.headers.find("Origin") &&
           request.headers.find("Access-Control-Request-Method");
}

api::HttpResponse preflight_reply(const HttpRequest& request, const std::string& allowed_methods) {
    api::HttpResponse reply;
    reply.status = 204;
    reply.headers.emplace_back("Access-Control-Allow-Methods", allowed_methods);
    const std::string_view wanted = request.headers.value("Access-Control-Request-Headers");
    if (!wanted.empty() && is_header_list(wanted))
        reply.headers.emplace_back("Access-Control-Allow-Headers", wanted);
    if (request.headers.value("Access-Control-Request-Private-Network") == "true")
        reply.headers.emplace_back("Access-Control-Allow-Private-Network", "true");
    reply.headers.emplace_back("Access-Control-Max-Age", "600");
    reply.headers.emplace_back("Vary", "Access-Control-Request-Headers");
    return reply;
}

std::vector<std::pair<std::string, std::string>> cors_fields(const OriginRules& rules,
                                                             const HttpRequest& request) {
    if (rules.origins.empty()) return {};
    const bool any = std::ranges::find(rules.origins, kAny) != rules.origins.end();
    const std::string origin(request.headers.value("Origin"));
    std::vector<std::pair<std::string, std::string>> fields;
    if (!any) fields.emplace_back("Vary", "Origin");
    if (any || (!origin.empty() && is_allowed_origin(rules, origin))) {
        fields.emplace_back("Access-Control-Allow-Origin", any ? std::string(kAny) : origin);
        fields.emplace_back("Access-Control-Expose-Headers",
                            "X-Request-Id, Retry-After, X-Ignored-Fields, X-Schema-Not-Enforced, "
                            "X-Tools-Left-Out, "
                            "openai-processing-ms");
    }
    return fields;
}

}  // namespace gptoss::http

#include "http/router.h"

#include <string_view>
#include <utility>

namespace gptoss::http {

namespace {

bool matches(const std::string& pattern, HttpRequest& request) {
    if (!pattern.ends_with('*')) return pattern == request.path;
    const std::string_view prefix = std::string_view(pattern).substr(0, pattern.size() - 1);
    if (!request.path.starts_with(prefix) || request.path.size() == prefix.size()) return false;
    request.rest = request.path.substr(prefix.size());
    return true;
}

}  // namespace

void Router::add(Route route) {
    routes_.push_back(std::move(route));
}

Router::Match Router::find(HttpRequest& request) const {
    const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
    Match match;
    for (const Route& route : routes_) {
        if (!matches(route.path, request)) continue;
        if (route.method == method) {
            match.route = &route;
            return match;
        }
        match.allowed_methods += (match.allowed_methods.empty() ? "" : ", ") + route.method;
    }
    return match;
}

}  // namespace gptoss::http

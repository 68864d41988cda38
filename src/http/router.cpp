#include "http/router.h"

#include <charconv>

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

std::string path_of(std::string_view target) {
    target = target.substr(0, target.find_first_of("?#"));
    std::string path;
    for (std::size_t i = 0; i < target.size(); ++i) {
        unsigned value = 0;
        if (target[i] == '%' && i + 2 < target.size()) {
            const char* digits = target.data() + i + 1;
            if (std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
                path += static_cast<char>(value);
                i += 2;
                continue;
            }
        }
        path += target[i];
    }
    return path;
}

}  // namespace gptoss::http

// Which handler answers which method and path.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/exchange.h"

namespace gptoss::http {

struct HttpRequest {
    std::string method;
    std::string path;  // without the query, percent-decoded
    std::string rest;  // what a path ending in "*" stands for
    std::string body;
    std::string if_none_match = {};  // the entity tags the client has
};

// May throw gptoss::Error: the client gets it in OpenAI's shape.
using Handler = std::function<api::Answer(const HttpRequest& request, const api::Caller& caller)>;

struct Route {
    std::string method;
    std::string path;   // exact, or a prefix ending in "*"
    bool open = false;  // answered without a key even when keys are required
    Handler handler;
};

class Router {
  public:
    void add(Route route);

    struct Match {
        const Route* route = nullptr;  // null: no such path, or not with this method
        std::string
            allowed_methods;  // "GET, POST": what the path would accept; empty when there is no such path
    };
    // HEAD is answered by GET's handler. Sets `request.rest`.
    Match find(HttpRequest& request) const;

    const std::vector<Route>& routes() const { return routes_; }

  private:
    std::vector<Route> routes_;
};

// "/v1/models/a%2Fb?x=1" -> "/v1/models/a/b". Malformed escapes stay as they are.
std::string path_of(std::string_view target);

}  // namespace gptoss::http

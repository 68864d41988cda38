// Which handler answers which method and path.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/response_stream.h"
#include "http/http_request.h"

namespace gptoss::http {

class Upgrade;

// May throw gptoss::Error: the client gets it in OpenAI's shape.
using Handler = std::function<api::HandlerResult(const HttpRequest& request, const api::Caller& caller)>;
// Takes a connection over (http/upgrade.h). May throw as a handler does.
using UpgradeHandler =
    std::function<std::unique_ptr<Upgrade>(const HttpRequest& request, const api::Caller& caller)>;

// Where a handler is called. What computes for long, or waits for a disk or the chain, must leave the threads
// that serve all connections.
enum class RunsOn { io_thread, worker, disk, chain };

struct Route {
    std::string method;
    std::string path;   // exact, or a prefix ending in "*"
    bool open = false;  // answered without a key even when keys are required
    Handler handler;
    RunsOn runs_on = RunsOn::io_thread;
    bool action = false;  // changes something at once: where no key is asked for, not for others' pages
    UpgradeHandler upgrade = {};  // for requests that ask for a WebSocket
    // Errors in the route's own shape, those that the server gives itself too; null: OpenAI's.
    api::HttpResponse (*error_shape)(api::HttpResponse reply) = nullptr;
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

}  // namespace gptoss::http

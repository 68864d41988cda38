// What operators may do, on a port of its own: look at what runs, end it, reload. Never reachable through the
// port that users know.
#pragma once

#include <functional>

#include "http/router.h"
#include "http/server.h"
#include "node/application/node_state.h"

namespace gptoss::node {

struct AdminActions {
    std::function<api::Json()> reload;  // reads the settings again; returns what changed; throws Error
    std::function<api::Json()> reload_status;
    std::function<api::Json()> credited =
        {};  // what the chain holds for the host; null: nothing is asked. May be empty
};

//   GET    /admin/requests       those being answered, with their tokens so far
//   DELETE /admin/requests/ID    ends one (all with that X-Request-Id): its stream ends as cancelled
//   GET    /admin/earnings       what the ledger has counted and the chain has credited, where sessions are on
//   GET    /admin/receipts       the last 50 receipts, without their tokens
//   GET    /admin/clients        usage by key or address
//   GET    /admin/status         /v1/status and what the last reload came to
//   POST   /admin/reload         as SIGHUP
// `router`: what the port serves besides; make_routes() for operators makes it a console that can end
// requests. `users` and `state` must outlive the router.
http::Router make_admin_routes(http::Server& users, NodeState& state, AdminActions actions,
                               http::Router router = {});

}  // namespace gptoss::node

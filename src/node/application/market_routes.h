// The marketplace's routes: GET /v1/ws, where sessions are spoken, and POST /v1/auth/challenge, by which clients
// learn the host's key.
#pragma once

#include "http/router.h"
#include "node/application/node_state.h"

namespace gptoss::node {

void add_market_routes(http::Router& router, NodeState& state);

}  // namespace gptoss::node

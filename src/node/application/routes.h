// The node's routes: OpenAI's endpoints, the marketplace's, and what operators look at.
#pragma once

#include "http/router.h"
#include "node/application/metrics.h"
#include "node/application/node_state.h"

namespace gptoss::node {

// `state` and `metrics` must outlive the router. `for_operators`: /v1/status says so, and the console then
// offers what /admin/… can do.
http::Router make_routes(NodeState& state, Metrics& metrics, bool for_operators = false);

}  // namespace gptoss::node

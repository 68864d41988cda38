// The node's routes: OpenAI's endpoints, the marketplace's, and what operators look at.
#pragma once

#include "server/metrics.h"
#include "server/node_state.h"
#include "server/router.h"

namespace gptoss::server {

// `state` and `metrics` must outlive the router. `for_operators`: /v1/status says so, and the console then
// offers what /admin/… can do.
Router make_routes(NodeState& state, Metrics& metrics, bool for_operators = false);

}  // namespace gptoss::server

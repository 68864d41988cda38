// What clients of Ollama ask before they speak the Responses API, `codex --oss` among them: which version, which
// models.
#pragma once

#include "http/router.h"
#include "node/application/node_state.h"

namespace gptoss::node {

// `state` must outlive the router.
void add_discovery_routes(http::Router& router, NodeState& state);

}  // namespace gptoss::node

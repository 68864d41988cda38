// The routes of the Responses API, and of Anthropic's Messages.
#pragma once

#include "http/router.h"
#include "node/application/node_state.h"

namespace gptoss::node {

// `state` must outlive the router.
void add_response_routes(http::Router& router, NodeState& state);
void add_message_routes(http::Router& router, NodeState& state);

}  // namespace gptoss::node

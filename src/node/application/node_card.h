// What a node says of itself to marketplaces: the model in the shape that OpenRouter asks of its providers, and who
// the host is.
#pragma once

#include <string>

#include "api/service.h"
#include "marketplace/market.h"

namespace gptoss::node {

// GET /.well-known/gpt-oss-node.json. `market` may be null.
api::Json node_card(api::Service& service, const marketplace::Market* market);

}  // namespace gptoss::node

// What the chain has credited to the host and the host has not withdrawn.
#pragma once

#include <functional>

#include "api/json_reader.h"
#include "node/settings.h"

namespace gptoss::node {

// Returns a function that reports it: {"native": "…", "stable": "…"}, in the smallest units as decimal digits, as such a number may be larger
// than JSON's readers hold exactly; {"problem": "…"} where the chain does not answer; null where no contract is named
// (CONTRACT_HOST_EARNINGS). An answer is good for a minute: a page asks more often, and an RPC endpoint counts. Blocks while the
// chain is asked. Any thread.
std::function<api::Json()> credited_earnings(const Settings& settings);

}  // namespace gptoss::node

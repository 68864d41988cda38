// The marketplace's part of a node, from its settings.
#pragma once

#include <memory>

#include "marketplace/market.h"
#include "node/settings.h"

namespace gptoss::node {

// Null when GPTOSS_SESSIONS is off. Throws Error(setting_invalid) for settings that cannot work together, and
// Error(chain_failed) when CONTRACT_JOB_MARKETPLACE is not what GPTOSS_MARKETPLACE_VERSION says. A chain that
// cannot be reached is told and asked again later.
std::shared_ptr<marketplace::Market> open_market(const Settings& settings);

}  // namespace gptoss::node

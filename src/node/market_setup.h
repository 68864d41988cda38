// The marketplace's part of a node, from its settings.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "marketplace/market.h"
#include "node/settings.h"

namespace gptoss::node {

// Null when GPTOSS_SESSIONS is off. Throws Error(setting_invalid) for settings that cannot work together, and
// Error(chain_failed) when CONTRACT_JOB_MARKETPLACE is not what GPTOSS_MARKETPLACE_VERSION says. A chain that
// cannot be reached is logged and asked again later.
// `find_receipt` (may be empty) finds the receipt of an answer, as clients get it: any thread, also while the node
// stops.
std::shared_ptr<marketplace::Market> open_market(
    const Settings& settings,
    std::function<std::optional<std::string>(const std::string& reply_id)> find_receipt);

}  // namespace gptoss::node

// The settings that say where the chain is, as what one asks it with.
#pragma once

#include <string>

#include "node/settings.h"
#include "provenance/chain/evm_client.h"

namespace gptoss::node {

// A contract's address as it was set. Throws Error(setting_invalid), naming `setting`, for what is none.
provenance::chain::Address contract_address(const std::string& text, const std::string& setting);

// RPC_URL's endpoints, and CHAIN_ID, which they must be. Throws what EvmClient throws.
provenance::chain::EvmClient chain_client(const Settings& settings);

}  // namespace gptoss::node

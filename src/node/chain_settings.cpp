#include "node/chain_settings.h"

#include "base/error.h"

namespace gptoss::node {

namespace chain = provenance::chain;

chain::Address contract_address(const std::string& text, const std::string& setting) {
    if (const auto address = chain::address_from_hex(text)) return *address;
    throw Error(ErrorCode::setting_invalid, setting + " is not an address",
                "Set RPC_URL, CHAIN_ID and " + setting + ": 0x and 40 digits.", {{"setting", setting}});
}

chain::EvmClient chain_client(const Settings& settings) {
    return {chain::JsonRpc(chain::split_endpoints(settings.rpc_url)),
            static_cast<std::uint64_t>(settings.chain_id)};
}

}  // namespace gptoss::node

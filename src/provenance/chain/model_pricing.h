// What a host asks for 1000 tokens of a model, by token, as the NodeRegistry keeps it since February 2026.
#pragma once

#include "provenance/chain/evm_client.h"

namespace gptoss::provenance::chain {

struct PriceBounds {
    Amount least = 0, most = 0;  // in the token's smallest unit, for 1000 tokens
};
// What the contract takes: `native` for the chain's own coin, else a stablecoin of six decimals.
PriceBounds price_bounds(bool native);

class ModelPricing {
  public:
    // `registry`: CONTRACT_NODE_REGISTRY. Throws Error(chain_failed) when no contract stands there.
    ModelPricing(EvmClient& chain, const Address& registry);

    Amount price(const Address& host, const Word& model, const Address& token);     // 0: none is set
    static Bytes set_price(const Word& model, const Address& token, Amount price);  // a call's data

    const Address& address() const { return registry_; }

  private:
    EvmClient& chain_;
    Address registry_;
};

}  // namespace gptoss::provenance::chain

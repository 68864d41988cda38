// The HostEarnings contract: what completed sessions have credited to a host, until it withdraws.
#pragma once

#include "provenance/chain/evm_client.h"

namespace gptoss::provenance::chain {

class HostEarnings {
  public:
    // Throws Error(chain_failed) when no contract stands at the address.
    HostEarnings(EvmClient& chain, const Address& contract);

    // In the token's smallest unit; the zero address is the chain's own coin.
    Amount balance(const Address& host, const Address& token);
    static Bytes withdraw_all(const Address& token);  // a call's data

    const Address& address() const { return contract_; }

  private:
    EvmClient& chain_;
    Address contract_;
};

}  // namespace gptoss::provenance::chain

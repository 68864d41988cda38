// The NodeRegistry contract's list of models that a host serves. The contract only replaces the whole list,
// so it is read first, changed, and read back afterwards.
#pragma once

#include <functional>
#include <vector>

#include "provenance/chain/evm_client.h"

namespace gptoss::provenance::chain {

class NodeRegistry {
  public:
    // Throws Error(chain_failed) when no contract stands at the address.
    NodeRegistry(EvmClient& chain, const Address& contract);

    bool is_active(const Address& host);
    std::vector<Word> models(const Address& host);

    static Bytes update_supported_models(std::span<const Word> models);
    const Address& address() const { return contract_; }

  private:
    EvmClient& chain_;
    Address contract_;
};

// `current` with `added` behind it and without `removed`, every id once, the order kept.
std::vector<Word> changed_list(std::span<const Word> current, std::span<const Word> added,
                               std::span<const Word> removed);

// Sends the list when it differs from `expected`, the list `wanted` was made from. Throws Error(chain_failed)
// before anything is sent when the host is not registered, would be left without a model, lacks the money, or
// the list has changed since it was read; and afterwards when what is read back is not `wanted`.
Receipt send_models(EvmClient& chain, NodeRegistry& registry, std::span<const Word> expected,
                    std::span<const Word> wanted, const PrivateKey& key, const SendOptions& options,
                    const std::function<void(const std::string&)>& tell = {});

}  // namespace gptoss::provenance::chain

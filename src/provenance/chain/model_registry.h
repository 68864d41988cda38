// The ModelRegistry contract: which weights are the registered ones.
#pragma once

#include <optional>
#include <string>

#include "provenance/chain/evm_client.h"

namespace gptoss::provenance::chain {

// keccak256(repository + "/" + name of the first file): how the registry calls a model.
Word model_id(const std::string& repository, const std::string& first_file);

struct ModelEntry {
    std::string repository;
    std::string file;
    Word sha256{};    // the composite hash for a split model
    Amount tier = 0;  // 1 = trusted by the owner, 2 = approved by the community
    bool active = false;
    Amount timestamp = 0;
};

class ModelRegistry {
  public:
    // Throws Error(chain_failed) when no contract stands at the address.
    ModelRegistry(EvmClient& chain, const Address& contract);

    std::optional<ModelEntry> find(const Word& id);  // nothing for an id that was never registered
    bool is_approved(const Word& id);
    Address owner();

    // The call's data, for a dry run and for sending.
    static Bytes add_trusted_model(const std::string& repository, const std::string& file,
                                   const Word& sha256);
    static Bytes propose_model(const std::string& repository, const std::string& file, const Word& sha256);

    const Address& address() const { return contract_; }

  private:
    EvmClient& chain_;
    Address contract_;
};

}  // namespace gptoss::provenance::chain

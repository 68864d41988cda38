// Putting a model into the registry, carefully: an entry can never be corrected, so everything is compared
// and checked before a transaction is signed.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "provenance/chain/model_registry.h"

namespace gptoss::provenance::chain {

struct Candidate {
    std::string repository;
    std::string file;  // the first part's name
    Word composite{};
};

enum class EntryState {
    absent,     // never registered
    identical,  // registered with this hash
    inactive,   // registered with this hash, but switched off by the owner
    different,  // registered with another hash: refuse, it cannot be changed
};

struct EntryView {
    Word id{};
    EntryState state = EntryState::absent;
    std::optional<ModelEntry> entry;
    bool approved = false;
};

EntryView look_up(ModelRegistry& registry, const Candidate& candidate);
std::string_view to_string(EntryState state);

struct RegistrationReceipt {
    Receipt receipt;
    EntryView after;  // read back from the chain
};

// Sends addTrustedModel (as the owner) or, with `propose`, proposeModel. Throws Error(chain_failed) before
// anything is sent when the entry is not absent, the key is not the owner's (addTrustedModel), the balance is
// too small or the call would revert; and afterwards when the entry read back is not the candidate.
RegistrationReceipt send_registration(EvmClient& chain, ModelRegistry& registry, const Candidate& candidate,
                                      const PrivateKey& key, bool propose, const SendOptions& options,
                                      const std::function<void(const std::string&)>& tell = {});

}  // namespace gptoss::provenance::chain

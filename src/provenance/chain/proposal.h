// A model proposed to the community, as the ModelRegistry's events describe it: who proposed, what was voted, how
// it ended.
#pragma once

#include <optional>
#include <string>

#include "provenance/chain/evm_client.h"

namespace gptoss::provenance::chain {

struct Proposal {
    Address proposer{};
    std::uint64_t block = 0;                  // in which it was proposed
    Amount votes_for = 0, votes_against = 0;  // cast so far, in the token's smallest unit
    std::optional<bool> approved = {};        // nothing while the vote is open
};

// The latest proposal of this model; nothing when there was none. Events rather than the contract's own
// table, whose layout differs between its versions. Throws as EvmClient::logs does.
std::optional<Proposal> find_proposal(EvmClient& chain, const Address& registry, const Word& model_id);

// "open, proposed by 0x… in block 7: 12 for, 3 against"
std::string to_string(const Proposal& proposal);

}  // namespace gptoss::provenance::chain

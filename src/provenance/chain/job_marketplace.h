// The JobMarketplace contract: which jobs clients have paid for, and how a host claims what it has computed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "provenance/chain/evm_client.h"

namespace gptoss::provenance::chain {

// The deployed contract changed its parameters and results twice.
enum class MarketplaceVersion {
    january,   // sessionJobs has 17 fields; a proof carries the host's signature
    february,  // 18 fields, with proofTimeoutWindow; who sends the proof is enough
};
std::optional<MarketplaceVersion> marketplace_version(std::string_view name);  // "january", "february"

// A session that a client deposited money for. Prices and deposits are in the token's smallest unit.
struct SessionJob {
    Amount id = 0;
    Address depositor{}, host{};
    Address payment_token{};  // zero: the chain's own coin
    Amount deposit = 0;
    Amount price_per_1000_tokens = 0;  // the contract's pricePerToken, which it divides by 1000
    Amount tokens_used = 0;            // proven so far
    Amount max_duration_s = 0;
    Amount start_time_s = 0, last_proof_time_s = 0;
    Amount proof_interval = 0;          // tokens
    Amount proof_timeout_window_s = 0;  // february
    Amount status = 0;                  // 0 = active
    std::string conversation_cid;
    Word last_proof_hash{};

    bool is_active() const { return status == 0; }
    // Tokens that the deposit pays for beyond those proven.
    Amount tokens_left() const;
};

struct ProofClaim {
    Amount job = 0;
    Amount tokens = 0;  // since the last proof
    Word hash{};
    std::string proof_cid, delta_cid;
};

class JobMarketplace {
  public:
    // Throws Error(chain_failed) when no contract stands at the address, or one of the other version.
    JobMarketplace(EvmClient& chain, const Address& contract, MarketplaceVersion version);

    std::optional<SessionJob> find(Amount job);  // nothing for a job that was never made
    Word model_of(Amount job);                   // zero where the job names none
    Amount dispute_window_s();

    // A call's data. `key` signs what january's contract asks to be signed.
    Bytes submit_proof(const ProofClaim& claim, const Word& model, const PrivateKey& key) const;
    static Bytes complete_session(Amount job, const std::string& conversation_cid);

    const Address& address() const { return contract_; }
    MarketplaceVersion version() const { return version_; }

    // The contract takes no proof of fewer tokens, and divides prices by this many.
    static constexpr Amount kProofTokensMin = 100;
    static constexpr Amount kPriceTokens = 1000;

  private:
    Bytes job_data(Amount job);

    EvmClient& chain_;
    Address contract_;
    MarketplaceVersion version_;
};

}  // namespace gptoss::provenance::chain

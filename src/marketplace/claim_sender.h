// Brings what the ledger has counted to the chain: a thread that proves tokens, follows each transaction until it
// has its confirmations, and completes sessions that are over. One transaction is under way at a time, so that
// nonces cannot collide; what is counted meanwhile goes with the next proof.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "marketplace/checkpoints.h"
#include "marketplace/job_check.h"
#include "marketplace/ledger.h"
#include "marketplace/proof_documents.h"
#include "provenance/chain/job_marketplace.h"

namespace gptoss::marketplace {

struct ClaimOptions {
    ChainPlace place;
    // A proof is made when so many wait beside those that are kept back for the next, or at an answer's end.
    std::int64_t proof_tokens = 1000;
    int confirmations = 1;
    bool legacy = false;              // no EIP-1559
    chain::Amount gas_price_max = 0;  // wei; nothing is sent while gas costs more; 0 = no limit
    std::int64_t poll_ms = 2000;
    std::int64_t jobs_kept = 100'000;  // settled ones, in the ledger
    std::int64_t stuck_s = 90;  // a transaction that is not mined by then is replaced with a dearer one
    BilledTokens billed = BilledTokens::completion;
    // The signed receipt of an answer, as clients get it. May be empty.
    std::function<std::optional<std::string>(const std::string& reply_id)> find_receipt;
};

class ClaimSender {
  public:
    // `checkpoints` and `documents` may be null: then proofs are not reported, and the chain gets no name of it.
    ClaimSender(ClaimOptions options, chain::PrivateKey key, std::shared_ptr<Ledger> ledger,
                std::shared_ptr<Checkpoints> checkpoints = {},
                std::unique_ptr<ProofDocuments> documents = {});
    ~ClaimSender();

    void start();
    void nudge();  // something may be due
    // One look; what the thread does. Throws what the chain's client throws.
    void step();

    struct Status {
        std::string problem;  // of the last look; empty when all was well
        double balance = 0;   // of the host's account, in whole coins
        std::int64_t transactions = 0;
    };
    Status status() const;

  private:
    struct Connection;
    void run();
    void follow(const std::vector<LedgerTransaction>& transactions);
    void close_job(const std::string& job, JobState state);
    void proof_arrived(const LedgerProof& proof);
    void arrived(const LedgerTransaction& transaction, bool succeeded);
    bool look_at(LedgerJob job);  // true when a transaction was sent
    // False when the chain must be looked at again before it is known what became of a proof.
    bool reconcile(LedgerJob& job, const chain::SessionJob& on_chain);
    bool is_proof_due(const LedgerJob& job) const;
    static std::int64_t claimable(const LedgerJob& job);
    void claim(const LedgerJob& job, std::int64_t tokens);
    void complete(const LedgerJob& job);
    void send(const chain::Bytes& data, LedgerTransaction transaction, const LedgerTransaction* replaced);
    void replace(const LedgerTransaction& transaction);
    chain::Bytes data_of(const LedgerTransaction& transaction);
    std::string document(const LedgerJob& job, std::int64_t tokens);
    bool seen_often(const std::string& what);

    const ClaimOptions options_;
    const chain::PrivateKey key_;
    const chain::Address host_;
    const std::shared_ptr<Ledger> ledger_;
    const std::shared_ptr<Checkpoints> checkpoints_;
    const std::unique_ptr<ProofDocuments> documents_;
    bool documents_are_due_ = true;  // what a node before this one did not come to
    bool pruning_is_due_ = true;
    std::unique_ptr<Connection> connection_;

    std::map<std::string, int> looks_;                  // how often in a row something odd was seen
    std::map<std::string, std::int64_t> not_before_s_;  // jobs that wait after a failure
    std::map<std::string, int> failures_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool nudged_ = false, stop_ = false;
    Status status_;
    std::jthread thread_;  // last: it uses the others
};

}  // namespace gptoss::marketplace

// What clients have been given and what of it was reported to the chain, in a SQLite file: written before anything
// is sent, so that a node killed at any moment goes on where it was and nothing is claimed twice or forgotten.
//
// A job's tokens are counted as the engine generates them. Proofs claim what is counted and not proven yet; one
// proof of a job is under way at a time, so that the chain's tokensUsed alone shows whether it has arrived.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/database.h"

namespace gptoss::marketplace {

enum class JobState { open, ended, settled, lost };  // lost: the chain takes no more proofs of it
enum class BilledTokens { completion, all };

struct LedgerJob {
    std::string job;  // its number, decimal
    std::string session;
    JobState state = JobState::open;
    std::int64_t billed = 0, proven = 0;  // tokens
    std::int64_t proofs = 0;              // made so far: the next one's index
    std::int64_t running = 0;             // requests that still generate
    std::int64_t unproven() const { return billed > proven ? billed - proven : 0; }
};

// One answer, as a proof names it.
struct LedgerRequest {
    std::int64_t number = 0;
    std::string reply_id;  // the receipt's
    std::int64_t prompt_tokens = 0, completion_tokens = 0;
};

struct LedgerProof {
    std::int64_t number = 0;
    std::string job;
    std::int64_t index = 0;
    std::int64_t tokens = 0, tokens_before = 0;
    std::string hash;      // 0x…
    std::string document;  // what was hashed
};

// A transaction that was signed, kept until it is known what became of it. Several of one nonce replace each
// other: one of them arrives.
struct LedgerTransaction {
    std::string hash, raw;  // 0x…
    std::string purpose;    // "proof" or "completion"
    std::string job;
    std::int64_t proof = 0;  // of a proof: its number
    std::int64_t nonce = 0;
    std::int64_t signed_at_s = 0;
    std::string fee, tip;  // wei a unit of gas, decimal; tip: of EIP-1559
};

class Ledger {
  public:
    // An empty path keeps it in memory. Throws Error(file_unreadable) naming the setting.
    Ledger(const std::filesystem::path& path, BilledTokens billed);

    // A client's session of a job begins, or goes on. `proven`: what the chain says, where the job is new here.
    void open_job(const std::string& job, const std::string& session, std::int64_t proven);
    void end_job(const std::string& job);  // its session is over: what is left is claimed and settled
    void close_job(const std::string& job, JobState state);
    std::optional<LedgerJob> job(const std::string& job);
    std::vector<LedgerJob> jobs();  // those not settled or lost

    // A message is accepted once: nothing when its nonce has been in this job before. The request's number.
    std::optional<std::int64_t> begin_request(const std::string& job, std::string_view nonce);
    // What has been generated so far, before it is sent.
    void count(std::int64_t request, std::int64_t prompt_tokens, std::int64_t completion_tokens);
    void end_request(std::int64_t request, std::string_view reply_id);
    void forget(const std::string& job);  // all requests of what nobody pays for
    std::vector<LedgerRequest> requests(const std::string& job);

    // The chain's word on what is proven. A proof under way is settled by it.
    void set_proven(const std::string& job, std::int64_t tokens);

    // Planned, then its transaction is added and sent, then it arrives or is dropped.
    LedgerProof plan_proof(LedgerProof proof);
    std::optional<LedgerProof> proof_under_way(const std::string& job);
    void proof_arrived(const LedgerProof& proof);
    void drop_proof(const LedgerProof& proof);  // it never arrived: its tokens are claimed by the next one

    void add_transaction(const LedgerTransaction& transaction);
    std::vector<LedgerTransaction> transactions_under_way();  // all of one nonce, oldest first
    void close_transactions(std::int64_t nonce, std::string_view outcome);
    bool was_signed(const LedgerProof& proof);

    // Deletes all but so many of the jobs that are over, the oldest first; their sums stay in the totals. The chain
    // refuses them, so that their nonces are not needed. At most 1,000 at once: those that went.
    std::vector<std::string> prune(std::int64_t jobs_kept);

    struct Totals {
        std::int64_t billed = 0, proven = 0, unproven = 0, jobs_open = 0, proofs = 0, failed_transactions = 0;
    };
    Totals totals();
    static Totals read_totals(const std::filesystem::path& path);  // of a ledger that a node may be using

  private:
    static Totals totals_of(const api::Database& database);
    std::optional<LedgerJob> find_job(const std::string& job);

    std::mutex mutex_;
    api::Database database_;
    BilledTokens billed_;
};

}  // namespace gptoss::marketplace

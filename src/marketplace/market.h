// A host's part of the marketplace, put together: who may open a session, what is counted, what is claimed.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/service.h"
#include "marketplace/claim_sender.h"
#include "marketplace/job_check.h"
#include "marketplace/ledger.h"
#include "marketplace/session_book.h"
#include "provenance/chain/private_key.h"

namespace gptoss::marketplace {

enum class JobRule { off, warn, require };

struct MarketOptions {
    JobRule job_rule = JobRule::off;
    bool plaintext_sessions = false;  // only where nobody pays: a job's number is no secret
    std::uint64_t chain_id = 0;
    BilledTokens billed = BilledTokens::completion;
    BookLimits book;
};

class Market {
  public:
    // `jobs` and `claims` may be null: nothing is asked of the chain, and nothing claimed.
    Market(MarketOptions options, std::optional<chain::PrivateKey> host_key, std::shared_ptr<Ledger> ledger,
           std::unique_ptr<JobCheck> jobs, std::unique_ptr<ClaimSender> claims);

    const MarketOptions& options() const { return options_; }
    const chain::PrivateKey* host_key() const { return host_key_ ? &*host_key_ : nullptr; }
    Ledger& ledger() { return *ledger_; }
    SessionBook& book() { return book_; }
    ClaimSender* claims() { return claims_.get(); }

    // The job that pays, as the rule has it: nothing where the rule is off, or warns and the job will not do.
    // Blocks while the chain is asked.
    OrRefusal<std::optional<chain::SessionJob>> paying_job(const std::string& job, const chain::Word& model);

    // Forgets sessions whose time is over and has their jobs settled. Every second or so.
    void tick(SessionBook::Clock::time_point now);

    ConnectionNumber next_connection() { return ++connections_; }
    static constexpr const char* kUnpaid = "unpaid ";  // before a session's id: what the ledger calls its job

  private:
    const MarketOptions options_;
    const std::optional<chain::PrivateKey> host_key_;
    const std::shared_ptr<Ledger> ledger_;
    const std::unique_ptr<JobCheck> jobs_;
    const std::unique_ptr<ClaimSender> claims_;
    SessionBook book_;
    std::atomic<ConnectionNumber> connections_ = 0;
    std::optional<SessionBook::Clock::time_point> started_;
    bool inherited_jobs_ended_ = false;
};

}  // namespace gptoss::marketplace

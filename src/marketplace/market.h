// A host's part of the marketplace, put together: who may open a session, what is counted, what is claimed.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/service.h"
#include "marketplace/checkpoints.h"
#include "marketplace/claim_sender.h"
#include "marketplace/job_check.h"
#include "marketplace/ledger.h"
#include "marketplace/outbox_sender.h"
#include "marketplace/session_book.h"
#include "provenance/chain/private_key.h"

namespace gptoss::marketplace {

enum class JobRule { off, warn, require };

struct MarketOptions {
    JobRule job_rule = JobRule::off;
    bool plaintext_sessions = false;  // only where nobody pays: a job's number is no secret
    std::uint64_t chain_id = 0;
    BilledTokens billed = BilledTokens::completion;
    std::int64_t stable_price = 0;  // what is asked of jobs in the stablecoin for 1000 tokens
    BookLimits book;
};

class Market {
  public:
    // What reads the chain, claims, and reports. Each may be null: then that is not done.
    struct Parts {
        std::unique_ptr<JobCheck> jobs;
        std::shared_ptr<Checkpoints> checkpoints;
        std::unique_ptr<ClaimSender> claims;
        std::shared_ptr<Outbox> outbox;
        std::unique_ptr<OutboxSender> outbox_sender;
    };
    // The host's key outlives the parts, which may use it.
    Market(MarketOptions options, std::shared_ptr<const chain::PrivateKey> host_key,
           std::shared_ptr<Ledger> ledger, Parts parts);

    const MarketOptions& options() const { return options_; }
    const chain::PrivateKey* host_key() const { return host_key_.get(); }
    Ledger& ledger() { return *ledger_; }
    SessionBook& book() { return book_; }
    ClaimSender* claims() { return parts_.claims.get(); }
    Checkpoints* checkpoints() { return parts_.checkpoints.get(); }

    // For operators. `problem`: what keeps claims from being sent; empty when nothing does.
    struct Figures {
        Ledger::Totals ledger;
        std::int64_t sessions = 0, outbox = 0;
        double balance = 0;
        std::string problem;
    };
    Figures figures();

    // The job that pays, as the rule has it: nothing where the rule is off, or warns and the job will not do.
    // Blocks while the chain is asked.
    OrRefusal<std::optional<chain::SessionJob>> paying_job(const std::string& job, const chain::Word& model);

    // Forgets sessions whose time is over and has their jobs settled. Every second or so.
    void tick(SessionBook::Clock::time_point now);

    ConnectionNumber next_connection() { return ++connections_; }
    static constexpr const char* kUnpaid = "unpaid ";  // before a session's id: what the ledger calls its job

  private:
    const MarketOptions options_;
    const std::shared_ptr<const chain::PrivateKey> host_key_;
    const std::shared_ptr<Ledger> ledger_;
    const Parts parts_;
    SessionBook book_;
    std::atomic<ConnectionNumber> connections_ = 0;
    std::optional<SessionBook::Clock::time_point> started_;
    bool inherited_jobs_ended_ = false;
};

}  // namespace gptoss::marketplace

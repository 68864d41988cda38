#include "marketplace/market.h"

#include <spdlog/spdlog.h>

#include <set>

namespace gptoss::marketplace {

Market::Market(MarketOptions options, std::optional<chain::PrivateKey> host_key,
               std::shared_ptr<Ledger> ledger, std::unique_ptr<JobCheck> jobs,
               std::unique_ptr<ClaimSender> claims)
    : options_(std::move(options)),
      host_key_(std::move(host_key)),
      ledger_(std::move(ledger)),
      jobs_(std::move(jobs)),
      claims_(std::move(claims)),
      book_(options_.book) {}

OrRefusal<std::optional<chain::SessionJob>> Market::paying_job(const std::string& job,
                                                               const chain::Word& model) {
    if (options_.job_rule == JobRule::off || jobs_ == nullptr) return std::nullopt;
    auto answer = jobs_->check(job, model);
    if (const auto* found = std::get_if<chain::SessionJob>(&answer)) return *found;
    const auto& refusal = std::get<Refusal>(answer);
    if (options_.job_rule == JobRule::require) return refusal;
    spdlog::warn("a session without a job that pays: {}", refusal.code);
    return std::nullopt;
}

void Market::tick(SessionBook::Clock::time_point now) {
    bool something_is_due = false;
    for (const Session& gone : book_.expire(now)) {
        if (gone.job.empty()) {
            ledger_->forget(kUnpaid + gone.id);
        } else {
            ledger_->end_job(gone.job);
            something_is_due = true;
        }
    }
    // Jobs of a node that was stopped: their clients get the same grace to come back.
    if (!started_) started_ = now;
    if (!inherited_jobs_ended_ && now >= *started_ + options_.book.grace) {
        inherited_jobs_ended_ = true;
        for (const LedgerJob& job : ledger_->jobs()) {
            if (job.state != JobState::open || book_.has_job(job.job)) continue;
            ledger_->end_job(job.job);
            something_is_due = true;
        }
    }
    if (something_is_due && claims_) claims_->nudge();
}

}  // namespace gptoss::marketplace

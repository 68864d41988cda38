#include "marketplace/market.h"

#include <spdlog/spdlog.h>

namespace gptoss::marketplace {

Market::Market(MarketOptions options, std::shared_ptr<const chain::PrivateKey> host_key,
               std::shared_ptr<Ledger> ledger, Parts parts)
    : options_(std::move(options)),
      host_key_(std::move(host_key)),
      ledger_(std::move(ledger)),
      parts_(std::move(parts)),
      book_(options_.book) {}

Market::Figures Market::figures() {
    Figures figures;
    figures.ledger = ledger_->totals();
    figures.sessions = static_cast<std::int64_t>(book_.size());
    if (parts_.outbox) figures.outbox = parts_.outbox->waiting();
    if (!parts_.claims) return figures;
    const ClaimSender::Status status = parts_.claims->status();
    figures.balance = status.balance;
    figures.problem = status.problem;
    return figures;
}

OrRefusal<std::optional<chain::SessionJob>> Market::paying_job(const std::string& job,
                                                               const chain::Word& model) {
    if (options_.job_rule == JobRule::off || parts_.jobs == nullptr) return std::nullopt;
    auto answer = parts_.jobs->check(job, model);
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
    if (something_is_due && parts_.claims) parts_.claims->nudge();
}

}  // namespace gptoss::marketplace

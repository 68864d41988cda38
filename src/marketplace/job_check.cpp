#include "marketplace/job_check.h"

#include <algorithm>

#include "base/error.h"

namespace gptoss::marketplace {
namespace {

constexpr std::size_t kJobsKnown = 4096;
constexpr std::size_t kIdleClients = 4;

}  // namespace

std::optional<chain::Amount> job_number(std::string_view text) {
    constexpr std::size_t kMostDigits = 30;  // fit 128 bits
    if (text.empty() || text.size() > kMostDigits || (text[0] == '0' && text.size() > 1)) return std::nullopt;
    chain::Amount number = 0;
    for (const char digit : text) {
        if (digit < '0' || digit > '9') return std::nullopt;
        number = number * 10 + static_cast<unsigned>(digit - '0');
    }
    return number;
}

JobCheck::JobCheck(ChainPlace place, chain::Address host, std::map<chain::Address, chain::Amount> prices)
    : place_(std::move(place)), host_(host), prices_(std::move(prices)) {}

OrRefusal<chain::SessionJob> JobCheck::check(const std::string& job, const chain::Word& model) {
    const auto number = job_number(job);
    if (!number) return Refusal{"JOB_NOT_FOUND", "A job is named by its number on the chain."};
    const auto now = Clock::now();
    {
        const std::lock_guard lock(mutex_);
        const auto known = known_.find(job);
        if (known != known_.end() && now - known->second.asked < kFresh) return known->second.job;
    }
    auto answer = ask(*number, model);
    const std::lock_guard lock(mutex_);
    if (const auto* found = std::get_if<chain::SessionJob>(&answer)) {
        if (known_.size() >= kJobsKnown)
            std::erase_if(known_, [&](const auto& each) { return now - each.second.asked >= kFresh; });
        if (known_.size() < kJobsKnown) known_[job] = {*found, now};
    } else {
        known_.erase(job);
    }
    return answer;
}

std::unique_ptr<JobCheck::Client> JobCheck::take_client() {
    {
        const std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            auto client = std::move(idle_.back());
            idle_.pop_back();
            return client;
        }
    }
    return std::make_unique<Client>(place_);
}

OrRefusal<chain::SessionJob> JobCheck::ask(chain::Amount number, const chain::Word& served) {
    try {
        auto client = take_client();
        const auto job = client->marketplace.find(number);
        const chain::Word model = job ? client->marketplace.model_of(number) : chain::Word{};
        const std::uint64_t now_s = client->chain.block_time_s();
        {
            const std::lock_guard lock(mutex_);
            if (idle_.size() < kIdleClients) idle_.push_back(std::move(client));
        }
        if (!job) return Refusal{"JOB_NOT_FOUND", "There is no such job."};
        if (job->host != host_)
            return Refusal{"JOB_OTHER_HOST", "The job is for " + chain::to_checksum_text(job->host) +
                                                 "; this host is " + chain::to_checksum_text(host_) + "."};
        if (!job->is_active()) return Refusal{"JOB_NOT_ACTIVE", "The job is over."};
        if (model != chain::Word{} && model != served)
            return Refusal{"JOB_OTHER_MODEL", "The job is for the model " + chain::to_hex_prefixed(model) +
                                                  "; this node serves " + chain::to_hex_prefixed(served) +
                                                  "."};
        if (now_s > job->start_time_s + job->max_duration_s)
            return Refusal{"JOB_TIMED_OUT", "The job's time is over."};
        const auto least = prices_.find(job->payment_token);
        if (least != prices_.end() && job->price_per_1000_tokens < least->second)
            return Refusal{"JOB_PRICE_TOO_LOW", "The job pays " +
                                                    chain::to_decimal(job->price_per_1000_tokens) +
                                                    " for 1000 tokens; this node asks for " +
                                                    chain::to_decimal(least->second) + "."};
        return *job;
    } catch (const Error& error) {
        return Refusal{"JOB_CHECK_FAILED",
                       "The chain could not be asked about the job: " + std::string(error.what())};
    }
}

}  // namespace gptoss::marketplace

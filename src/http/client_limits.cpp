#include "http/client_limits.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace gptoss::http {

namespace {

// Addresses are endless; those idle for longer than any bucket needs to fill up are forgotten.
constexpr std::size_t kMostAccounts = 10'000;
constexpr std::chrono::minutes kForgetAfter{2};
constexpr double kRetryConcurrent_s = 1;

[[noreturn]] void refuse(const std::string& what, double wait_s) {
    const auto seconds =
        std::clamp(static_cast<std::int64_t>(std::ceil(wait_s)), std::int64_t{1}, std::int64_t{60});
    throw Error(ErrorCode::queue_full, what, "Try again in " + std::to_string(seconds) + " s.",
                {{"code", "rate_limit_exceeded"}, {"retry_after_s", std::to_string(seconds)}});
}

}  // namespace

ClientLimits::Admission::~Admission() {
    if (limits_ != nullptr) limits_->leave(client_);
}

void ClientLimits::Admission::finish(std::int64_t prompt_tokens, std::int64_t completion_tokens) {
    if (limits_ == nullptr) return;
    limits_->charge(client_, prompt_tokens, completion_tokens);
    limits_->leave(client_);
    limits_ = nullptr;
}

void ClientLimits::Bucket::refill(double limit, Clock::time_point now) {
    if (!used) {
        level = limit;
        used = true;
    } else {
        const double minutes = std::chrono::duration<double>(now - filled).count() / 60;
        level = std::min(limit, level + minutes * limit);
    }
    filled = now;
}

ClientLimits::Admission ClientLimits::admit(const std::string& client, const ClientLimit& limit,
                                            Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (accounts_.size() >= kMostAccounts) forget_idle(now);
    Account& account = accounts_[client];
    account.usage.client = client;
    account.last_seen = now;
    ++account.usage.refused;  // taken back below
    if (limit.concurrent_requests > 0 && account.usage.running >= limit.concurrent_requests) {
        refuse("This client has " + std::to_string(account.usage.running) +
                   " requests running, as many as it may.",
               kRetryConcurrent_s);
    }
    const auto per_minute = static_cast<double>(limit.tokens_per_minute);
    if (limit.tokens_per_minute > 0) {
        account.tokens.refill(per_minute, now);
        if (account.tokens.level < 1) {
            refuse(
                "This client has used its " + std::to_string(limit.tokens_per_minute) + " tokens a minute.",
                account.tokens.wait_s(1, per_minute));
        }
    }
    if (limit.requests_per_minute > 0) {
        const auto requests = static_cast<double>(limit.requests_per_minute);
        account.requests.refill(requests, now);
        if (account.requests.level < 1) {
            refuse("This client has sent its " + std::to_string(limit.requests_per_minute) +
                       " requests a minute.",
                   account.requests.wait_s(1, requests));
        }
        account.requests.level -= 1;
    }
    --account.usage.refused;
    ++account.usage.requests;
    ++account.usage.running;
    return Admission(*this, client);
}

void ClientLimits::leave(const std::string& client) {
    const std::lock_guard lock(mutex_);
    --accounts_[client].usage.running;
}

void ClientLimits::charge(const std::string& client, std::int64_t prompt_tokens,
                          std::int64_t completion_tokens) {
    const std::lock_guard lock(mutex_);
    Account& account = accounts_[client];
    account.usage.prompt_tokens += prompt_tokens;
    account.usage.completion_tokens += completion_tokens;
    account.tokens.level -= static_cast<double>(prompt_tokens + completion_tokens);
}

void ClientLimits::forget_idle(Clock::time_point now) {
    std::erase_if(accounts_, [now](const auto& entry) {
        return entry.second.usage.running == 0 && now - entry.second.last_seen > kForgetAfter;
    });
}

std::vector<ClientUsage> ClientLimits::usage() const {
    const std::lock_guard lock(mutex_);
    std::vector<ClientUsage> list;
    for (const auto& [client, account] : accounts_) list.push_back(account.usage);
    return list;
}

}  // namespace gptoss::http

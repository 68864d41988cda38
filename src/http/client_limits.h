// How much each client may ask for: requests and tokens a minute, requests at the same time. A client is a
// key's name, or an address where no keys are set. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace gptoss::http {

// 0 = no limit.
struct ClientLimit {
    std::int64_t requests_per_minute = 0;
    std::int64_t tokens_per_minute = 0;  // prompt and answer
    std::int64_t concurrent_requests = 0;
};

struct ClientUsage {
    std::string client;
    std::int64_t requests = 0, refused = 0, prompt_tokens = 0, completion_tokens = 0;  // since the start
    std::int64_t running = 0;
};

class ClientLimits {
  public:
    using Clock = std::chrono::steady_clock;

    // A request that may run; when it goes, the client has one less. Move-only.
    class Admission {
      public:
        Admission() = default;
        Admission(ClientLimits& limits, std::string client) : limits_(&limits), client_(std::move(client)) {}
        Admission(Admission&& other) noexcept { swap(other); }
        Admission& operator=(Admission&& other) noexcept {
            swap(other);
            return *this;
        }
        ~Admission();
        // What the request came to; the client has one less from here on, and a second call does nothing.
        // Tokens are charged when they are known, so a client may overdraw once and then waits until the
        // minute has paid for it.
        void finish(std::int64_t prompt_tokens, std::int64_t completion_tokens);

      private:
        void swap(Admission& other) noexcept {
            std::swap(limits_, other.limits_);
            std::swap(client_, other.client_);
        }
        ClientLimits* limits_ = nullptr;
        std::string client_;
    };

    // Throws Error(queue_full) with the fact retry_after_s.
    Admission admit(const std::string& client, const ClientLimit& limit,
                    Clock::time_point now = Clock::now());

    std::vector<ClientUsage> usage() const;

  private:
    // Fills up by its limit every minute, up to that limit: bursts of a minute's worth are fine.
    struct Bucket {
        double level = 0;
        Clock::time_point filled;
        bool used = false;
        void refill(double limit, Clock::time_point now);
        // Seconds until `amount` is there.
        double wait_s(double amount, double limit) const { return (amount - level) * 60 / limit; }
    };
    struct Account {
        Bucket requests, tokens;
        ClientUsage usage;
        Clock::time_point last_seen;
    };
    void leave(const std::string& client);
    void charge(const std::string& client, std::int64_t prompt_tokens, std::int64_t completion_tokens);
    void forget_idle(Clock::time_point now);

    mutable std::mutex mutex_;
    std::map<std::string, Account> accounts_;
};

}  // namespace gptoss::http

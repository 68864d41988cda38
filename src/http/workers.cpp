#include "http/workers.h"

#include <malloc.h>

#include <algorithm>
#include <utility>

#include "base/step_bound.h"

namespace gptoss::http {

namespace {

constexpr std::size_t kSmallSteps = 100'000;  // some 5 ms of one core
constexpr int kLargeNiceness = 10;
constexpr int kChainThreads = 8;  // they wait most of the time
constexpr std::chrono::seconds kMemoryPause{1};

}  // namespace

Workers::Workers(const WorkersOptions& options)
    : disk_({.threads = options.threads, .queue_limit = options.waiting_limit, .name = "disk"}),
      chain_({.threads = kChainThreads, .queue_limit = options.waiting_limit, .name = "chain"}),
      large_({.threads = std::max(1, options.threads - 1),
              .queue_limit = options.waiting_large_limit,
              .niceness = kLargeNiceness,
              .name = "large requests"}),
      small_({.threads = options.threads, .queue_limit = options.waiting_limit, .name = "small requests"}) {}

bool Workers::submit(RunsOn where, const std::string& client, std::size_t body_bytes, WorkerPool::Job job) {
    if (where == RunsOn::disk) return disk_.submit(client, std::move(job));
    if (where == RunsOn::chain && body_bytes <= kSmallBody_bytes)
        return chain_.submit(client, std::move(job));
    if (body_bytes > kSmallBody_bytes) {
        return large_.submit(client, [this, job = std::move(job)]() mutable {
            job();
            job = nullptr;
            give_memory_back();
        });
    }
    return small_.submit(client, [this, client, job = std::move(job)] { run_small(client, job); });
}

void Workers::run_small(const std::string& client, const WorkerPool::Job& job) {
    try {
        const StepBound bound(kSmallSteps);
        job();
    } catch (const TooManySteps&) {
        large_.submit(client, job, WorkerPool::Limit::none);  // it was taken already, and its body is small
    }
}

bool Workers::has_room(const std::string& client, std::size_t body_bytes) const {
    return body_bytes <= kSmallBody_bytes || large_.would_take(client);
}

// What a large request held stays with the allocator otherwise, in the arena of the thread that read it. This
// locks arenas that other threads use, so it is nothing for a thread that gives way in the middle of it.
void Workers::give_memory_back() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    auto given_at = memory_given_at_.load();
    if (now.count() - given_at < std::chrono::nanoseconds(kMemoryPause).count()) return;
    if (!memory_given_at_.compare_exchange_strong(given_at, now.count())) return;
    disk_.submit("(memory)", [] { malloc_trim(0); });
}

}  // namespace gptoss::http

#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>

#include <chrono>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gptoss {
namespace {

void pause() {
#if defined(__x86_64__)
    _mm_pause();
#else
    std::this_thread::yield();
#endif
}

// Longer than any serial part between two stages of a step (quantising a row, sampling a small vocabulary),
// short enough that an idle server's threads sleep.
constexpr std::chrono::microseconds kSpin{200};

// Waits until `value` differs from `old`: first by polling, then asleep.
template <typename Value>
void wait_for_change(const std::atomic<Value>& value, Value old) {
    const auto give_up = std::chrono::steady_clock::now() + kSpin;
    do {
        for (int i = 0; i < 32; ++i) {
            if (value.load(std::memory_order_acquire) != old) return;
            pause();
        }
        // Where another thread wants this core, a poller would otherwise keep it for whole time slices: a
        // server's own threads share the cores with the team, and then a step of 0.3 ms took 15.
        std::this_thread::yield();
    } while (std::chrono::steady_clock::now() < give_up);
    value.wait(old, std::memory_order_acquire);
}

std::vector<int> usable_cores() {
    std::vector<int> cores;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (int core = 0; core < CPU_SETSIZE; ++core)
            if (CPU_ISSET(core, &set)) cores.push_back(core);
    if (cores.empty()) cores.push_back(0);
    return cores;
}

void pin(std::thread& thread, int core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    // A refusal (a sandbox, say) only costs speed.
    (void)pthread_setaffinity_np(thread.native_handle(), sizeof set, &set);
}

}  // namespace

ThreadPool::ThreadPool(std::int32_t threads) {
    const std::vector<int> cores = usable_cores();
    const auto core_count = static_cast<std::int32_t>(cores.size());
    if (threads <= 0) threads = core_count;
    for (std::int32_t thread = 1; thread < threads; ++thread) {
        workers_.emplace_back([this, thread] { work(thread); });
        // The caller is not pinned (its thread is not ours); the first core is left free for it. A team
        // smaller than the machine is not pinned either: two such teams would share the same cores.
        if (threads == core_count) pin(workers_.back(), cores[thread]);
    }
}

ThreadPool::~ThreadPool() {
    stopping_ = true;
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
    for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(Job job) {
    if (workers_.empty()) {
        job.call(job.object, 0);
        return;
    }
    job_ = job;
    running_.store(static_cast<std::int32_t>(workers_.size()), std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
    job.call(job.object, 0);
    for (std::int32_t left = running_.load(std::memory_order_acquire); left != 0;
         left = running_.load(std::memory_order_acquire))
        wait_for_change(running_, left);
}

void ThreadPool::work(std::int32_t thread) {
    for (std::uint32_t seen = 0;;) {
        wait_for_change(generation_, seen);
        ++seen;  // never more than one ahead: run() waits for every worker
        if (stopping_) return;
        job_.call(job_.object, thread);
        if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_one();
    }
}

}  // namespace gptoss

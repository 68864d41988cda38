#include "base/thread_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

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

// Longer than most serial parts between two stages of a step, short enough that an idle server's threads sleep,
// and that who else wants this core waits for no time slice. A poller never yields, and so does not use
// std::atomic::wait(), which does: Linux takes a thread that yields for one that has had its time slice, so that
// beside busy threads a team of pollers came to run for 5 % of the time.
constexpr std::chrono::microseconds kSpin{50};

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

void ThreadPool::Watched::wait_while(std::int32_t old) {
    const auto give_up = std::chrono::steady_clock::now() + kSpin;
    do {
        for (int i = 0; i < 32; ++i) {
            if (value.load(std::memory_order_acquire) != old) return;
            pause();
        }
    } while (std::chrono::steady_clock::now() < give_up);
    ++sleepers_;
    while (value == old) syscall(SYS_futex, &value, FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
    --sleepers_;
}

void ThreadPool::Watched::wake_all() {
    if (sleepers_ > 0)
        syscall(SYS_futex, &value, FUTEX_WAKE_PRIVATE, std::numeric_limits<int>::max(), nullptr, nullptr, 0);
}

ThreadPool::ThreadPool(std::int32_t threads) {
    const std::vector<int> cores = usable_cores();
    const auto core_count = static_cast<std::int32_t>(cores.size());
    if (threads <= 0) threads = core_count;
    for (std::int32_t thread = 1; thread < threads; ++thread) {
        workers_.emplace_back([this] { work(); });
        // The caller is not pinned (its thread is not ours); the first core is left free for it. A team
        // smaller than the machine is not pinned either: two such teams would share the same cores.
        if (threads == core_count) pin(workers_.back(), cores[thread]);
    }
}

ThreadPool::~ThreadPool() {
    stopping_ = true;
    ++generation_.value;
    generation_.wake_all();
    for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(Job job) {
    job_ = job;
    inside_.value = 0;
    ++generation_.value;
    generation_.wake_all();
    job.call(job.object);
    // Nothing is left to take: who has not come need not come, who is in the middle of a range is waited for.
    std::int32_t inside = inside_.value += kClosed;
    for (; inside != kClosed; inside = inside_.value) inside_.wait_while(inside);
}

bool ThreadPool::join() {
    std::int32_t inside = inside_.value;
    while (inside >= 0)
        if (inside_.value.compare_exchange_weak(inside, inside + 1)) return true;
    return false;
}

void ThreadPool::leave() {
    if (--inside_.value == kClosed) inside_.wake_all();
}

void ThreadPool::work() {
    for (std::int32_t seen = 0;;) {
        generation_.wait_while(seen);
        seen = generation_.value;
        if (stopping_) return;
        if (!join()) continue;
        job_.call(job_.object);  // of this loop or a later one: whichever is open
        leave();
    }
}

}  // namespace gptoss

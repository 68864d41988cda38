// A fixed team of pinned threads for fork-join loops that follow each other within microseconds, as the
// stages of a forward pass do. The calling thread takes part in every loop, and a loop is over when its work is
// done: a worker that the system runs late, because others want its core, finds nothing left and holds nobody
// up. Workers spin for a moment after a loop and then sleep, so that a server without requests costs nothing.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <thread>
#include <vector>

namespace gptoss {

class ThreadPool {
  public:
    // `threads` counts the caller; 0 = every core this process may use.
    explicit ThreadPool(std::int32_t threads = 0);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    std::int32_t size() const { return static_cast<std::int32_t>(workers_.size()) + 1; }

    // Calls task(begin, end) for ranges that cover [0, count) once. Threads take ranges in ascending order as
    // they become free, each a fraction of what is left but at least `grain` indices: long ones first, so
    // that memory streams, short ones last, so that threads end together even when one is slowed down by
    // others. Tasks must not throw and must not use the pool.
    template <typename Task>
    void for_ranges(std::int64_t count, std::int64_t grain, Task&& task) {
        if (count <= grain || size() == 1) {
            if (count > 0) task(std::int64_t{0}, count);
            return;
        }
        next_.store(0, std::memory_order_relaxed);
        auto take_ranges = [&] {
            std::int64_t begin = next_.load(std::memory_order_relaxed);
            while (begin < count) {
                const std::int64_t fraction = (count - begin) / (2 * size());
                const std::int64_t end = begin + std::min(std::max(fraction, grain), count - begin);
                if (!next_.compare_exchange_weak(begin, end, std::memory_order_relaxed)) continue;
                task(begin, end);
                begin = next_.load(std::memory_order_relaxed);
            }
        };
        run({[](void* object) { (*static_cast<decltype(take_ranges)*>(object))(); }, &take_ranges});
    }

    // for_ranges() with task(index).
    template <typename Task>
    void for_each(std::int64_t count, std::int64_t grain, Task&& task) {
        for_ranges(count, grain, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t index = begin; index < end; ++index) task(index);
        });
    }

  private:
    struct Job {  // one thread's part of a loop: returns when nothing is left to take
        void (*call)(void* object) = nullptr;
        void* object = nullptr;
    };
    static constexpr std::int32_t kClosed = std::numeric_limits<std::int32_t>::min();

    // A number that threads wait for, on a cache line of its own: it is polled by all of them.
    class alignas(64) Watched {
      public:
        explicit Watched(std::int32_t first) : value(first) {}
        // Until `value` differs from `old`: first by polling, then asleep.
        void wait_while(std::int32_t old);
        void wake_all();  // after a change

        std::atomic<std::int32_t> value;

      private:
        std::atomic<std::int32_t> sleepers_{0};
    };

    void run(Job job);
    void work();
    bool join();
    void leave();

    std::vector<std::thread> workers_;
    Job job_;                  // of the open loop; written while it is closed and nobody is inside
    Watched generation_{0};    // raised with every loop
    Watched inside_{kClosed};  // workers in the loop; kClosed more when it is closed
    alignas(64) std::atomic<std::int64_t> next_{0};
    std::atomic<bool> stopping_ = false;
};

}  // namespace gptoss

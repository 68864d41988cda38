// A fixed team of pinned threads for fork-join loops that follow each other within microseconds, as the
// stages of a forward pass do. Workers spin for a moment after a loop and then sleep, so that a server
// without requests costs nothing. The calling thread takes part in every loop.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
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

    // Calls task(thread) once on each thread, 0 .. size() - 1; thread 0 is the caller. Returns when all are
    // done. Tasks must not throw and must not use the pool.
    template <typename Task>
    void on_all(Task&& task) {
        run({[](void* object, std::int32_t thread) {
                 (*static_cast<std::remove_reference_t<Task>*>(object))(thread);
             },
             static_cast<void*>(std::addressof(task))});
    }

    // Calls task(begin, end) for ranges that cover [0, count) once. Threads take ranges in ascending order as
    // they become free, each a fraction of what is left but at least `grain` indices: long ones first, so
    // that memory streams, short ones last, so that threads end together even when one is slowed down by
    // others.
    template <typename Task>
    void for_ranges(std::int64_t count, std::int64_t grain, Task&& task) {
        if (count <= grain || size() == 1) {
            if (count > 0) task(std::int64_t{0}, count);
            return;
        }
        next_.store(0, std::memory_order_relaxed);
        on_all([&](std::int32_t) {
            std::int64_t begin = next_.load(std::memory_order_relaxed);
            while (begin < count) {
                const std::int64_t fraction = (count - begin) / (2 * size());
                const std::int64_t end = begin + std::min(std::max(fraction, grain), count - begin);
                if (!next_.compare_exchange_weak(begin, end, std::memory_order_relaxed)) continue;
                task(begin, end);
                begin = next_.load(std::memory_order_relaxed);
            }
        });
    }

    // for_ranges() with task(index).
    template <typename Task>
    void for_each(std::int64_t count, std::int64_t grain, Task&& task) {
        for_ranges(count, grain, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t index = begin; index < end; ++index) task(index);
        });
    }

  private:
    struct Job {
        void (*call)(void* object, std::int32_t thread) = nullptr;
        void* object = nullptr;
    };
    void run(Job job);
    void work(std::int32_t thread);

    std::vector<std::thread> workers_;
    Job job_;  // written before `generation_` is raised, read after
    // On cache lines of their own: they are polled by all threads.
    alignas(64) std::atomic<std::uint32_t> generation_{0};
    alignas(64) std::atomic<std::int32_t> running_{0};
    alignas(64) std::atomic<std::int64_t> next_{0};
    bool stopping_ = false;
};

}  // namespace gptoss

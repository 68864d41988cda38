#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <ctime>
#include <numeric>
#include <thread>

namespace gptoss {
namespace {

TEST(ThreadPool, CallsEveryIndexOnce) {
    for (const std::int32_t threads : {1, 2, 5}) {
        ThreadPool pool(threads);
        ASSERT_EQ(pool.size(), threads);
        for (const std::int64_t count : {0, 1, 2, 63, 1000})
            for (const std::int64_t grain : {1, 7, 2000}) {
                std::vector<std::atomic<int>> calls(count);
                pool.for_each(count, grain, [&](std::int64_t index) { ++calls[index]; });
                for (const auto& call : calls) EXPECT_EQ(call, 1);
            }
    }
}

TEST(ThreadPool, RangesAreAtLeastTheGrainExceptTheLast) {
    ThreadPool pool(3);
    std::atomic<std::int64_t> covered = 0;
    pool.for_ranges(1000, 16, [&](std::int64_t begin, std::int64_t end) {
        EXPECT_TRUE(end - begin >= 16 || end == 1000);
        covered += end - begin;
    });
    EXPECT_EQ(covered, 1000);
}

TEST(ThreadPool, WaitsForEveryRange) {
    ThreadPool pool(4);
    // Thousands of loops in a row, some after the workers fell asleep: none may be lost or run twice.
    std::vector<std::int64_t> runs(16);
    for (int round = 0; round < 3000; ++round) {
        if (round % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));
        pool.for_each(16, 1, [&](std::int64_t index) { ++runs[index]; });
        EXPECT_EQ(std::accumulate(runs.begin(), runs.end(), std::int64_t{0}), 16 * (round + 1));
    }
    EXPECT_EQ(runs, std::vector<std::int64_t>(16, 3000));
}

std::atomic<bool> worker_is_held, worker_may_go;

// What a worker is to others while the system gives its core to somebody else.
void hold(int /*signal*/) {
    worker_is_held = true;
    while (!worker_may_go) usleep(1000);
}

TEST(ThreadPool, AWorkerThatDoesNotComeHoldsNobodyUp) {
    ThreadPool pool(2);
    std::atomic<pthread_t> worker = 0;
    const pthread_t self = pthread_self();
    while (worker == 0)  // until it was quick enough to get a range
        pool.for_each(1000, 1, [&](std::int64_t) {
            if (pthread_self() != self) worker = pthread_self();
        });
    std::signal(SIGUSR1, hold);
    ASSERT_EQ(pthread_kill(worker, SIGUSR1), 0);
    while (!worker_is_held) usleep(1000);
    std::atomic<bool> is_over = false, was_over = false;
    std::thread deadline([&] {
        for (int i = 0; i < 5000 && !is_over; ++i) usleep(1000);
        was_over = is_over.load();
        worker_may_go = true;
    });
    std::int64_t sum = 0;
    pool.for_each(1000, 1, [&](std::int64_t index) { sum += index; });
    is_over = true;
    deadline.join();
    EXPECT_TRUE(was_over) << "the loop waited for a worker that had taken nothing";
    EXPECT_EQ(sum, 499'500);
}

TEST(ThreadPool, SleepsWhenThereIsNothingToDo) {
    ThreadPool pool(4);
    pool.for_each(100, 1, [](std::int64_t) {});
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // more than the workers spin
    const auto processor_seconds = [] { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; };
    const double before = processor_seconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_LT(processor_seconds() - before, 0.1);
}

}  // namespace
}  // namespace gptoss

#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>
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

TEST(ThreadPool, RunsOnEachThreadOnceAndWaitsForAll) {
    ThreadPool pool(4);
    // Thousands of loops in a row, some after the workers fell asleep: none may be lost or run twice.
    std::vector<std::int64_t> runs(4);
    for (int round = 0; round < 3000; ++round) {
        if (round % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));
        pool.on_all([&](std::int32_t thread) { ++runs[thread]; });
        EXPECT_EQ(std::accumulate(runs.begin(), runs.end(), std::int64_t{0}), 4 * (round + 1));
    }
    EXPECT_EQ(runs, std::vector<std::int64_t>(4, 3000));
}

TEST(ThreadPool, SleepsWhenThereIsNothingToDo) {
    ThreadPool pool(4);
    pool.on_all([](std::int32_t) {});
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // more than the workers spin
    const auto processor_seconds = [] { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; };
    const double before = processor_seconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_LT(processor_seconds() - before, 0.1);
}

}  // namespace
}  // namespace gptoss

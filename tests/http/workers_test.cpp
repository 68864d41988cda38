#include "http/workers.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <future>

#include "base/step_bound.h"

namespace gptoss::http {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLarge_bytes = Workers::kSmallBody_bytes + 1;

int own_niceness() {
    return getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
}

TEST(Workers, SmallRequestsDoNotWaitForLargeOnes) {
    std::promise<void> gate, done;
    const auto opened = gate.get_future().share();
    Workers workers({2, 100, 100});
    for (const char* client : {"a", "b", "c", "d"})
        ASSERT_TRUE(workers.submit(RunsOn::worker, client, kLarge_bytes, [opened] { opened.wait(); }));
    ASSERT_TRUE(workers.submit(RunsOn::worker, "e", 100, [&done] { done.set_value(); }));
    EXPECT_EQ(done.get_future().wait_for(10s), std::future_status::ready);
    gate.set_value();
}

TEST(Workers, NobodyElseWaitsForWhatAsksTheChain) {
    std::promise<void> gate, small, large;
    const auto opened = gate.get_future().share();
    Workers workers({2, 100, 100});
    for (int i = 0; i < 20; ++i)
        ASSERT_TRUE(workers.submit(RunsOn::chain, std::to_string(i), 100, [opened] { opened.wait(); }));
    ASSERT_TRUE(workers.submit(RunsOn::worker, "x", 100, [&small] { small.set_value(); }));
    ASSERT_TRUE(workers.submit(RunsOn::worker, "y", kLarge_bytes, [&large] { large.set_value(); }));
    EXPECT_EQ(small.get_future().wait_for(10s), std::future_status::ready);
    EXPECT_EQ(large.get_future().wait_for(10s), std::future_status::ready);
    gate.set_value();
}

TEST(Workers, ASmallRequestThatTakesManyStepsIsDoneAgainWhereItGivesWay) {
    std::promise<void> done;
    std::vector<int> niceness;
    Workers workers({1, 100, 100});
    ASSERT_TRUE(workers.submit(RunsOn::worker, "a", 100, [&] {
        niceness.push_back(own_niceness());
        for (int i = 0; i < 1000; ++i) StepBound::spend(10'000);
        done.set_value();
    }));
    ASSERT_EQ(done.get_future().wait_for(10s), std::future_status::ready);
    ASSERT_EQ(niceness.size(), 2U);
    EXPECT_EQ(niceness[0], own_niceness());
    EXPECT_GT(niceness[1], own_niceness());
    std::promise<void> next;  // the thread has no bound left over
    ASSERT_TRUE(workers.submit(RunsOn::worker, "a", kLarge_bytes, [&] {
        StepBound::spend(10'000'000);
        next.set_value();
    }));
    EXPECT_EQ(next.get_future().wait_for(10s), std::future_status::ready);
}

TEST(Workers, TellsBeforehandWhetherALargeOneWouldWaitTooLong) {
    std::promise<void> gate, begun;
    const auto opened = gate.get_future().share();
    Workers workers({2, 100, 2});
    EXPECT_TRUE(workers.has_room("a", kLarge_bytes));
    ASSERT_TRUE(workers.submit(RunsOn::worker, "a", kLarge_bytes, [&begun, opened] {
        begun.set_value();
        opened.wait();
    }));
    begun.get_future().wait();
    ASSERT_TRUE(workers.submit(RunsOn::worker, "a", kLarge_bytes, [] {}));
    EXPECT_FALSE(workers.has_room("a", kLarge_bytes));  // half of them wait for it already
    EXPECT_TRUE(workers.has_room("b", kLarge_bytes));
    ASSERT_TRUE(workers.submit(RunsOn::worker, "b", kLarge_bytes, [] {}));
    EXPECT_FALSE(workers.has_room("c", kLarge_bytes));
    EXPECT_FALSE(workers.submit(RunsOn::worker, "c", kLarge_bytes, [] {}));
    EXPECT_TRUE(workers.has_room("c", 100));
    gate.set_value();
}

}  // namespace
}  // namespace gptoss::http

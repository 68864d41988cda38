#include "http/worker_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>

namespace gptoss::http {
namespace {

// Jobs that run until they are let go, and what ran in which order.
struct Work {
    std::promise<void> gate;
    std::shared_future<void> opened = gate.get_future().share();
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::string> order;

    WorkerPool::Job job(const std::string& name, bool waits = false) {
        return [this, name, waits] {
            {
                const std::lock_guard lock(mutex);
                order.push_back(name);
            }
            changed.notify_all();
            if (waits) opened.wait();
        };
    }
    void wait_for(std::size_t jobs) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return order.size() >= jobs; });
    }
};

TEST(WorkerPool, LeavesOneThreadToOtherClients) {
    Work work;
    WorkerPool pool({2, 100});
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(pool.submit("greedy", work.job("greedy", true)));
    work.wait_for(1);
    ASSERT_TRUE(pool.submit("modest", work.job("modest")));
    work.wait_for(2);
    EXPECT_EQ(work.order, (std::vector<std::string>{"greedy", "modest"}));
    work.gate.set_value();
    work.wait_for(11);
}

TEST(WorkerPool, ClientsTakeTurns) {
    Work work;
    WorkerPool pool({1, 100});
    ASSERT_TRUE(pool.submit("first", work.job("first", true)));
    work.wait_for(1);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(pool.submit("a", work.job("a")));
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(pool.submit("b", work.job("b")));
    work.gate.set_value();
    work.wait_for(7);
    EXPECT_EQ(work.order, (std::vector<std::string>{"first", "a", "b", "a", "b", "a", "b"}));
}

TEST(WorkerPool, WhoCostsMuchComesLast) {
    Work work;
    WorkerPool pool({1, 100});
    ASSERT_TRUE(pool.submit("costly", [] { std::this_thread::sleep_for(std::chrono::milliseconds(150)); }));
    ASSERT_TRUE(pool.submit("first", work.job("first", true)));
    work.wait_for(1);
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(pool.submit("costly", work.job("costly")));
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(pool.submit("cheap", work.job("cheap")));
    work.gate.set_value();
    work.wait_for(6);
    EXPECT_EQ(work.order, (std::vector<std::string>{"first", "cheap", "cheap", "cheap", "costly", "costly"}));
}

TEST(WorkerPool, RefusesWhatIsTooMuch) {
    Work work;
    WorkerPool pool({1, 4});
    ASSERT_TRUE(pool.submit("first", work.job("first", true)));
    work.wait_for(1);
    EXPECT_TRUE(pool.submit("a", work.job("a")));
    EXPECT_TRUE(pool.submit("a", work.job("a")));
    EXPECT_FALSE(pool.submit("a", work.job("a")));  // half of what may wait
    EXPECT_TRUE(pool.submit("b", work.job("b")));
    EXPECT_TRUE(pool.submit("c", work.job("c")));
    EXPECT_FALSE(pool.submit("d", work.job("d")));
    work.gate.set_value();
    work.wait_for(5);
}

TEST(WorkerPool, DropsWhatWaitsWhenItGoes) {
    Work work;
    const auto kept = std::make_shared<int>(0);
    std::thread opener;
    {
        WorkerPool pool({1, 100});
        ASSERT_TRUE(pool.submit("first", work.job("first", true)));
        work.wait_for(1);
        for (int i = 0; i < 10; ++i) ASSERT_TRUE(pool.submit("a", [kept] { ++*kept; }));
        opener = std::thread([&work] { work.gate.set_value(); });
    }
    opener.join();
    EXPECT_EQ(kept.use_count(), 1);
}

}  // namespace
}  // namespace gptoss::http

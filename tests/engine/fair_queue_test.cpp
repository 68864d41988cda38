#include "engine/fair_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <list>

namespace gptoss::engine {
namespace {

using testing::ElementsAre;

class FairQueueTest : public testing::Test {
  protected:
    Sequence& add(const std::string& client, std::int32_t priority = 0) {
        Sequence& sequence = sequences_.emplace_back();
        sequence.id = sequences_.size();
        sequence.client = client;
        sequence.priority = priority;
        queue.push(sequence);
        return sequence;
    }
    // The ids in the order in which they would be admitted.
    std::vector<std::uint64_t> take_all() {
        std::vector<std::uint64_t> order;
        queue.start_round();
        while (Sequence* next = queue.best()) {
            order.push_back(next->id);
            queue.take(*next);
        }
        return order;
    }

    FairQueue queue;

  private:
    std::list<Sequence> sequences_;
};

TEST_F(FairQueueTest, OneClientIsServedInOrder) {
    for (int i = 0; i < 4; ++i) add("a");
    EXPECT_EQ(queue.size(), 4);
    EXPECT_THAT(take_all(), ElementsAre(1, 2, 3, 4));
    EXPECT_EQ(queue.size(), 0);
}

TEST_F(FairQueueTest, ClientsTakeTurnsHoweverManyEachSends) {
    for (int i = 0; i < 3; ++i) add("greedy");
    add("modest");
    add("late");
    EXPECT_THAT(take_all(), ElementsAre(1, 5, 4, 2, 3));
}

TEST_F(FairQueueTest, TheClientWithFewerRunningGoesFirst) {
    Sequence& first = add("busy");
    add("busy");
    take_all();
    add("busy");
    add("idle");
    EXPECT_THAT(take_all(), ElementsAre(4, 3));
    // Two of the first client's three are over: both have one running, and its turn was the later one.
    queue.finished(first);
    queue.finished(first);
    add("busy");
    add("idle");
    add("idle");
    EXPECT_THAT(take_all(), ElementsAre(6, 5, 7));
}

TEST_F(FairQueueTest, HigherPriorityGoesBeforeEverything) {
    add("a");
    add("a", 1);
    add("b", -1);
    add("b", 2);
    add("a", 1);
    EXPECT_THAT(take_all(), ElementsAre(4, 2, 5, 1, 3));
}

TEST_F(FairQueueTest, ThePreemptedGoesToTheHeadOfItsPriority) {
    Sequence& running = add("a");
    take_all();
    add("a");
    add("a", 1);
    queue.push_preempted(running);
    EXPECT_THAT(take_all(), ElementsAre(3, 1, 2));
}

TEST_F(FairQueueTest, SkippingLooksPastOneSequenceForOneRound) {
    add("a");
    add("a");
    queue.start_round();
    Sequence* first = queue.best();
    queue.skip(*first);
    Sequence* second = queue.best();
    ASSERT_NE(second, nullptr);
    EXPECT_EQ(second->id, 2U);
    queue.take(*second);
    EXPECT_EQ(queue.best(), nullptr);
    EXPECT_THAT(take_all(), ElementsAre(1));
}

TEST_F(FairQueueTest, ACancelledSequenceLeaves) {
    add("a");
    Sequence& second = add("a");
    add("a");
    queue.remove(second);
    EXPECT_EQ(queue.size(), 2);
    EXPECT_THAT(take_all(), ElementsAre(1, 3));
}

}  // namespace
}  // namespace gptoss::engine

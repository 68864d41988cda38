// The policy by itself: no backend, no thread, no clock.
#include "engine/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <map>
#include <random>

#include "support/rounds.h"

namespace gptoss::engine {
namespace {

using model::kBlockTokens;

constexpr std::int32_t kAnyNumber = 1 << 20;

EngineOptions roomy() {
    return {.context_length = 8192,
            .max_sequences = 8,
            .max_batch_tokens = 512,
            .full_blocks = 512,
            .sliding_blocks = 100};
}

class Harness {
  public:
    explicit Harness(const EngineOptions& options) : scheduler(options) {}

    Sequence& add(std::int32_t prompt_count, std::int32_t answer_count, TokenId first_token = -1,
                  const std::string& client = {}, std::int32_t priority = 0) {
        Sequence& sequence = sequences_.emplace_back();
        sequence.id = sequences_.size();
        // Texts differ from their first token on, unless told otherwise.
        if (first_token < 0) first_token = static_cast<TokenId>(sequence.id) * 100000;
        for (TokenId i = 0; i < prompt_count; ++i) sequence.tokens.push_back(first_token + i);
        sequence.prompt_count = prompt_count;
        sequence.token_limit = prompt_count + answer_count;
        sequence.client = client;
        sequence.priority = priority;
        scheduler.enqueue(sequence);
        return sequence;
    }

    // One step, its tokens read at once; those that reach their limit leave. Returns rows by sequence id.
    std::map<std::uint64_t, std::int32_t> step(std::int32_t prompt_rows = kAnyNumber) {
        const StepPlan plan = scheduler.plan(prompt_rows);
        std::map<std::uint64_t, std::int32_t> rows;
        for (const PlannedRows& planned : plan.rows) rows[planned.sequence->id] = planned.row_count;
        scheduler.commit();
        for (const PlannedRows& planned : plan.rows) {
            if (!planned.samples) continue;
            scheduler.token_read(*planned.sequence, 7);
            if (planned.sequence->token_count() == planned.sequence->token_limit)
                scheduler.remove(*planned.sequence);
        }
        scheduler.check_integrity();
        return rows;
    }

    Scheduler scheduler;

  private:
    std::list<Sequence> sequences_;
};

TEST(Scheduler, WhoeverGeneratesGetsARowInEveryStepWhileALongPromptEnters) {
    Harness harness(roomy());
    for (int i = 0; i < 3; ++i) harness.add(10, 200);
    harness.step();
    harness.add(5000, 10);
    int steps_with_prompt = 0;
    for (int i = 0; i < 30; ++i) {
        const auto rows = harness.step(300);
        for (std::uint64_t id : {1, 2, 3}) EXPECT_EQ(rows.at(id), 1);
        if (rows.contains(4) && rows.at(4) > 1) {
            EXPECT_LE(rows.at(4), 300);
            ++steps_with_prompt;
        }
    }
    EXPECT_EQ(steps_with_prompt, 17);  // 5000 / 300, rounded up
}

TEST(Scheduler, AStepNeverExceedsItsBudget) {
    EngineOptions options = roomy();
    options.max_batch_tokens = 50;
    Harness harness(options);
    for (int i = 0; i < 20; ++i) harness.add(40 + i * 17, 20);
    while (harness.scheduler.waiting() > 0 || !harness.scheduler.running().empty()) {
        std::int32_t sum = 0;
        for (const auto& [id, rows] : harness.step()) sum += rows;
        ASSERT_LE(sum, 50);
        ASSERT_GT(sum, 0);
    }
}

TEST(Scheduler, AShortPromptPassesALongOne) {
    Harness harness(roomy());
    harness.add(6000, 10);
    harness.step();
    Sequence& brief = harness.add(100, 10);
    harness.step();
    EXPECT_EQ(brief.tokens.size(), 101U);
}

TEST(Scheduler, ManyShortPromptsShareAStep) {
    Harness harness(roomy());
    for (int i = 0; i < 8; ++i) harness.add(50, 10);
    const auto rows = harness.step();
    EXPECT_EQ(rows.size(), 8U);
    for (const auto& [id, count] : rows) EXPECT_EQ(count, 50);
}

// Halved, however short the others are: the one that came first is done after twice its own work at most.
TEST(Scheduler, HalfOfTheRowsGoToThePromptThatCameFirst) {
    Harness harness(roomy());
    Sequence& first = harness.add(6000, 10);
    int steps = 0;
    while (first.tokens.size() == 6000U) {
        if (harness.scheduler.waiting() < 4) harness.add(200, 1);
        const std::int32_t left = first.rows_to_compute();
        const auto rows = harness.step();
        EXPECT_GE(rows.at(first.id), std::min(256, left));
        ASSERT_LT(++steps, 25);
    }
}

TEST(Scheduler, WhatThePromptThatCameFirstDoesNotNeedGoesToTheShortest) {
    Harness harness(roomy());
    harness.add(100, 10);
    harness.add(3000, 10);
    harness.add(400, 10);
    const auto rows = harness.step();
    EXPECT_EQ(rows, (std::map<std::uint64_t, std::int32_t>{{1, 100}, {2, 12}, {3, 400}}));
}

TEST(Scheduler, AtMostFourPromptsAreInProgress) {
    Harness harness(roomy());
    for (int i = 0; i < 8; ++i) harness.add(1500, 10);
    harness.step();
    EXPECT_EQ(harness.scheduler.running().size(), static_cast<std::size_t>(kPromptsAtOnce));
}

TEST(Scheduler, LongPromptsLeavePlacesToShortOnes) {
    Harness harness(roomy());
    std::vector<Sequence*> long_ones;
    for (int i = 0; i < 4; ++i) long_ones.push_back(&harness.add(kStepsOfALongPrompt * 512 + 1000, 10));
    Sequence& brief = harness.add(100, 10);
    harness.step();
    EXPECT_EQ(std::ranges::count_if(long_ones, &Sequence::running), kLongPromptsAtOnce);
    EXPECT_EQ(brief.tokens.size(), 101U) << "though four came before it";
    while (harness.scheduler.waiting() > 0) harness.step();
}

TEST(Scheduler, TellsWhoGeneratesAndWhichPromptsWait) {
    Harness harness(roomy());
    EXPECT_TRUE(harness.scheduler.demand().prompts.empty());
    harness.add(600, 10);
    const Scheduler::Demand before = harness.scheduler.demand();
    ASSERT_EQ(before.prompts.size(), 1U) << "the one that is admitted next";
    EXPECT_EQ(before.prompts[0].rows, 600);
    harness.step();
    harness.add(10, 10);
    const Scheduler::Demand during = harness.scheduler.demand();
    ASSERT_EQ(during.prompts.size(), 1U);
    EXPECT_EQ(during.prompts[0].rows, 88);
    EXPECT_EQ(during.prompts[0].context, 512);
    EXPECT_EQ(during.decode_rows, 0);
    harness.step();
    EXPECT_EQ(harness.scheduler.demand().decode_rows, 2);
    EXPECT_EQ(harness.scheduler.demand().decode_context, 610);
}

TEST(Scheduler, ExpectsOnlyTheRowsThatTheCacheDoesNotHold) {
    Harness harness(roomy());
    harness.add(400, 1, 0);
    harness.step();
    harness.add(500, 10, 0);
    EXPECT_EQ(harness.scheduler.demand().prompts[0].rows, 100);
}

TEST(Scheduler, ClientsTakeTurns) {
    EngineOptions options = roomy();
    options.max_sequences = 2;
    Harness harness(options);
    for (int i = 0; i < 4; ++i) harness.add(20, 50, -1, "greedy");
    Sequence& modest = harness.add(20, 50, -1, "modest");
    harness.step();
    EXPECT_TRUE(modest.running());
}

TEST(Scheduler, ALaterPromptWithTheSameBeginningWaitsAndShares) {
    Harness harness(roomy());
    Sequence& first = harness.add(300, 10, 0);
    Sequence& second = harness.add(310, 10, 0);
    Sequence& other = harness.add(300, 10);
    harness.step();
    EXPECT_TRUE(first.running());
    EXPECT_FALSE(second.running());
    EXPECT_TRUE(other.running()) << "those behind it need not wait";
    std::map<std::uint64_t, std::int32_t> rows;
    while (!second.running()) rows = harness.step();
    EXPECT_EQ(second.cached_tokens, 256) << "300 tokens were computed, the last whole block is the fourth";
    EXPECT_EQ(rows.at(second.id), 54);
    EXPECT_EQ(std::vector(second.full_blocks.begin(), second.full_blocks.begin() + 4),
              std::vector(first.full_blocks.begin(), first.full_blocks.begin() + 4));
}

TEST(Scheduler, HoldsNoMoreOfTheSlidingPoolThanTheWindow) {
    for (const std::int32_t window : {1, 64, 65, 66, 128, 200}) {
        EngineOptions options = roomy();
        options.sliding_window = window;
        options.prefix_cache = false;
        Harness harness(options);
        Sequence& sequence = harness.add(1000, 500);
        while (harness.scheduler.waiting() > 0 || sequence.running()) {
            harness.step();
            const auto held = std::ranges::count_if(sequence.sliding_blocks,
                                                    [](BlockId block) { return block != kNoBlock; });
            ASSERT_LE(held, most_window_blocks(window)) << "window " << window;
        }
        EXPECT_EQ(harness.scheduler.blocks().sliding_blocks_in_use(), 0);
    }
}

TEST(Scheduler, PreemptsTheLatestOfTheLowestPriority) {
    EngineOptions options = roomy();
    options.full_blocks = 6;
    options.context_length = 6 * kBlockTokens;
    options.prefix_cache = false;
    Harness harness(options);
    Sequence& low = harness.add(100, 200, -1, "", -1);
    Sequence& first = harness.add(100, 200);
    Sequence& second = harness.add(100, 200);
    harness.step();
    ASSERT_TRUE(low.running() && first.running() && second.running());
    while (harness.scheduler.preemptions() == 0) harness.step();
    EXPECT_FALSE(low.running());
    EXPECT_TRUE(first.running() && second.running());
    while (harness.scheduler.preemptions() == 1) harness.step();
    EXPECT_TRUE(first.running());
    EXPECT_FALSE(second.running());
    while (first.running()) harness.step();
    while (second.running() || low.running() || harness.scheduler.waiting() > 0) harness.step();
    for (const Sequence* sequence : {&low, &first, &second}) EXPECT_EQ(sequence->tokens.size(), 300U);
}

TEST(Scheduler, ThePreemptedFindsItsOwnBlocksAgain) {
    EngineOptions options = roomy();
    options.full_blocks = 8;
    options.context_length = 8 * kBlockTokens;
    Harness harness(options);
    Sequence& first = harness.add(200, 60);
    Sequence& second = harness.add(200, 60);
    while (harness.scheduler.preemptions() == 0) harness.step();
    ASSERT_FALSE(second.running());
    std::int32_t computed_again = 0;
    while (second.tokens.size() < 260) {
        const auto rows = harness.step();
        if (rows.contains(2) && rows.at(2) > 1) computed_again += rows.at(2);
    }
    EXPECT_GT(computed_again, 0);
    EXPECT_LT(computed_again, 200) << "blocks that nobody needed in the meantime were found in the cache";
    EXPECT_FALSE(first.running());
}

TEST(Scheduler, APromptInProgressKeepsTheBlocksItStillNeeds) {
    EngineOptions options = roomy();
    options.full_blocks = 20;
    options.context_length = 20 * kBlockTokens;
    Harness harness(options);
    Sequence& first = harness.add(1000, 10);
    harness.step(64);
    Sequence& second = harness.add(600, 10);
    while (first.running()) {
        EXPECT_FALSE(second.running()) << "16 of 20 blocks are spoken for";
        harness.step(64);
    }
    while (second.tokens.size() < 610) harness.step(64);
    EXPECT_EQ(harness.scheduler.preemptions(), 0);
}

TEST(Scheduler, ALargeRequestIsNotStarvedBySmallOnes) {
    EngineOptions options = roomy();
    options.full_blocks = 20;
    options.context_length = 20 * kBlockTokens;
    options.prefix_cache = false;
    Harness harness(options);
    for (int i = 0; i < 3; ++i) harness.add(60, 200);
    harness.step();
    Sequence& large = harness.add(1000, 10);
    for (int i = 0; i < 3; ++i) harness.add(60, 200);
    for (int i = 0; !large.was_admitted; ++i) {
        ASSERT_EQ(harness.scheduler.waiting(), 4) << "those behind it would fit, but it goes first";
        ASSERT_LT(i, 1000);
        harness.step();
    }
}

TEST(Scheduler, TokensAheadOfTheHost) {
    Harness harness(roomy());
    Scheduler& scheduler = harness.scheduler;
    Sequence& sequence = harness.add(10, 4);
    ASSERT_EQ(scheduler.plan(kAnyNumber).rows.size(), 1U);
    scheduler.commit();
    EXPECT_EQ(sequence.in_flight, 1);

    sequence.runs_ahead = false;
    EXPECT_TRUE(scheduler.must_read_first());
    EXPECT_TRUE(scheduler.plan(kAnyNumber).rows.empty());
    sequence.runs_ahead = true;
    EXPECT_FALSE(scheduler.must_read_first());
    const StepPlan& ahead = scheduler.plan(kAnyNumber);
    ASSERT_EQ(ahead.rows.size(), 1U);
    EXPECT_EQ(ahead.rows[0].first_position, 10);
    scheduler.commit();
    EXPECT_EQ(sequence.in_flight, 2);

    scheduler.token_read(sequence, 7);
    const std::uint32_t epoch = sequence.epoch;
    scheduler.rewind(sequence);
    EXPECT_NE(sequence.epoch, epoch);
    EXPECT_EQ(sequence.in_flight, 0);
    const StepPlan& again = scheduler.plan(kAnyNumber);
    ASSERT_EQ(again.rows.size(), 1U);
    EXPECT_EQ(again.rows[0].first_position, 10);
    EXPECT_TRUE(again.rows[0].samples);
    scheduler.commit();

    scheduler.plan(kAnyNumber);
    scheduler.commit();
    scheduler.token_read(sequence, 7);
    scheduler.plan(kAnyNumber);
    scheduler.commit();
    EXPECT_EQ(sequence.token_count(), 14);
    EXPECT_TRUE(scheduler.plan(kAnyNumber).rows.empty()) << "nothing is computed beyond the limit";
}

// It may be computed again, and must not be written under a reader's eyes.
TEST(Scheduler, TheBlockOfTheLastPositionIsNotSharedYet) {
    Harness harness(roomy());
    Sequence& sequence = harness.add(64, 4);
    harness.step();
    EXPECT_EQ(sequence.computed, 64);
    EXPECT_EQ(sequence.shared_blocks, 0);
    harness.step();
    EXPECT_EQ(sequence.shared_blocks, 1);
}

TEST(Scheduler, RandomCallsNeverLoseABlock) {
    for (unsigned seed = 0; seed < test::rounds(60); ++seed) {
        std::mt19937 generator(seed);
        auto below = [&](std::int32_t n) {
            return static_cast<std::int32_t>(generator() % static_cast<unsigned>(n));
        };
        EngineOptions options = roomy();
        options.full_blocks = 8 + below(20);
        options.sliding_blocks = 24 + below(20);
        options.max_batch_tokens = 8 + below(200);
        options.prefix_cache = seed % 4 != 0;
        Harness harness(options);
        std::vector<Sequence*> alive;
        for (int i = 0; i < 400; ++i) {
            if (below(4) == 0) {
                const std::int32_t prompt = 1 + below(options.full_blocks * kBlockTokens - 60);
                alive.push_back(
                    &harness.add(prompt, 1 + below(50), below(2) * 1000, std::to_string(below(3))));
            }
            harness.step(1 + below(300));
            std::erase_if(alive, [](const Sequence* s) { return s->token_count() == s->token_limit; });
            if (!alive.empty() && below(6) == 0) {
                const std::size_t victim =
                    static_cast<std::size_t>(below(static_cast<std::int32_t>(alive.size())));
                harness.scheduler.remove(*alive[victim]);
                alive.erase(alive.begin() + static_cast<std::ptrdiff_t>(victim));
            }
        }
        for (Sequence* sequence : alive) harness.scheduler.remove(*sequence);
        harness.scheduler.check_integrity();
        EXPECT_EQ(harness.scheduler.blocks().full_blocks_in_use(), 0);
        EXPECT_EQ(harness.scheduler.blocks().sliding_blocks_in_use(), 0);
    }
}

}  // namespace
}  // namespace gptoss::engine

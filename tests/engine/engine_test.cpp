// The engine as its callers see it: finish reasons, usage, refusals, cancellation, failure, draining.
#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/error.h"
#include "engine/engine_fixture.h"

namespace gptoss::engine {
namespace {

using test::counting_source;
using test::RecordingSink;
using test::ScriptedOptions;
using test::TestEngine;
using testing::ElementsAre;

// Both kinds of backend: computing before the call returns, and one step behind the caller.
class EngineTest : public testing::TestWithParam<bool> {
  protected:
    ScriptedOptions scripted() const {
        ScriptedOptions options;
        options.asynchronous = GetParam();
        return options;
    }
};
INSTANTIATE_TEST_SUITE_P(Backends, EngineTest, testing::Bool(),
                         [](const auto& test) { return test.param ? "asynchronous" : "synchronous"; });

TEST_P(EngineTest, GeneratesUntilMaxTokens) {
    TestEngine node(scripted(), {}, counting_source);
    const auto sink = node.submit({.prompt = {1, 2, 3}, .max_tokens = 4});
    sink->wait();
    EXPECT_THAT(sink->tokens(), ElementsAre(4, 5, 6, 7));
    EXPECT_EQ(sink->reason(), FinishReason::length);
    EXPECT_EQ(sink->usage().prompt_tokens, 3);
    EXPECT_EQ(sink->usage().completion_tokens, 4);
    EXPECT_EQ(sink->usage().cached_tokens, 0);
    EXPECT_EQ(sink->error(), "");
}

TEST_P(EngineTest, TellsHowFarAPromptIsRead) {
    ScriptedOptions options = scripted();
    options.max_batch_tokens = 64;
    TestEngine node(options, {.max_batch_tokens = 64}, counting_source);
    const auto sink = node.submit({.prompt = std::vector<TokenId>(150, 5), .max_tokens = 3});
    sink->wait();
    EXPECT_THAT(sink->prompt_read(), ElementsAre(0, 64, 128));
    // What the cache held is there from the first step on, and nothing is told once it generates.
    const auto again = node.submit({.prompt = std::vector<TokenId>(150, 5), .max_tokens = 3});
    again->wait();
    EXPECT_THAT(again->prompt_read(), ElementsAre(149));
}

TEST_P(EngineTest, ReportsTheStopTokenAndStops) {
    TestEngine node(scripted(), {}, counting_source);
    const auto sink = node.submit({.prompt = {1, 2, 3}, .stop_tokens = {99, 6}});
    sink->wait();
    EXPECT_THAT(sink->tokens(), ElementsAre(4, 5, 6));
    EXPECT_EQ(sink->reason(), FinishReason::stop);
}

TEST_P(EngineTest, StopsAtTheEndOfTheContext) {
    TestEngine node(scripted(), {.context_length = 70}, counting_source);
    std::vector<TokenId> prompt(60, 5);
    const auto sink = node.submit({.prompt = prompt});
    sink->wait();
    EXPECT_EQ(sink->tokens().size(), 10U);
    EXPECT_EQ(sink->reason(), FinishReason::length);
}

TEST_P(EngineTest, RefusesWhatCannotBeServed) {
    TestEngine node(scripted(), {.context_length = 100});
    const auto code_of = [&](std::vector<TokenId> prompt) {
        try {
            node.submit({.prompt = std::move(prompt), .max_tokens = 1})->wait();
        } catch (const Error& error) {
            return error.code();
        }
        return ErrorCode::disk_full;  // no error
    };
    EXPECT_EQ(code_of({}), ErrorCode::request_invalid);
    EXPECT_EQ(code_of({1, -1}), ErrorCode::request_invalid);
    EXPECT_EQ(code_of({1, 1000}), ErrorCode::request_invalid);
    EXPECT_EQ(code_of(std::vector<TokenId>(100, 1)), ErrorCode::context_exceeded);
    EXPECT_EQ(code_of(std::vector<TokenId>(99, 1)), ErrorCode::disk_full);
    try {
        node.submit({.prompt = std::vector<TokenId>(150, 1)});
        FAIL();
    } catch (const Error& error) {
        EXPECT_THAT(error.facts(), ElementsAre(testing::Pair("prompt_tokens", "150"),
                                               testing::Pair("context_length", "100")));
    }
}

TEST_P(EngineTest, RefusesOptionsThatLeaveNoRoom) {
    ScriptedOptions options = scripted();
    options.sliding_blocks = 2;
    EXPECT_THROW(TestEngine{options}, Error);
    options = scripted();
    options.max_batch_tokens = 4;
    EXPECT_THROW(TestEngine{options}, Error);
}

TEST_P(EngineTest, AFullQueueSaysWhenToTryAgain) {
    ScriptedOptions options = scripted();
    options.max_sequences = 1;
    options.step_ms = 1;
    TestEngine node(options, {.queue_limit = 3}, counting_source);
    const auto running = std::make_shared<RecordingSink>();
    node.engine->submit({.prompt = {1}, .max_tokens = 900}, running);
    running->wait_for_tokens(2);  // by then it is known not to wait any more
    std::vector<std::shared_ptr<RecordingSink>> sinks;
    for (int i = 0; i < 3; ++i) sinks.push_back(node.submit({.prompt = {1}, .max_tokens = 1}));
    try {
        node.submit({.prompt = {1}, .max_tokens = 1});
        FAIL() << "a fourth was taken in";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::queue_full);
        ASSERT_EQ(error.facts().front().first, "retry_after_s");
        EXPECT_GE(std::stoi(error.facts().front().second), 1);
    }
    node.engine->cancel(1);
    for (const auto& sink : sinks) {
        sink->wait();
        EXPECT_EQ(sink->reason(), FinishReason::length);
    }
}

TEST_P(EngineTest, CancellationEndsRunningAndWaitingRequests) {
    ScriptedOptions options = scripted();
    options.max_sequences = 1;
    options.step_ms = 0.5;
    TestEngine node(options, {}, counting_source);
    const auto running = std::make_shared<RecordingSink>();
    const auto waiting = std::make_shared<RecordingSink>();
    const RequestId first = node.engine->submit({.prompt = {1}, .max_tokens = 900}, running);
    const RequestId second = node.engine->submit({.prompt = {1}, .max_tokens = 900}, waiting);
    running->wait_for_tokens(3);
    node.engine->cancel(second);
    waiting->wait();
    EXPECT_EQ(waiting->reason(), FinishReason::cancelled);
    EXPECT_TRUE(waiting->tokens().empty());
    node.engine->cancel(first);
    running->wait();
    EXPECT_EQ(running->reason(), FinishReason::cancelled);
    EXPECT_LT(running->tokens().size(), 900U);
    node.engine->cancel(first);  // over already
    node.engine->cancel(777);    // never was
    EXPECT_EQ(node.run({.prompt = {1}, .max_tokens = 1}).size(), 1U);
    EXPECT_EQ(running->finishes(), 1);
    EXPECT_TRUE(node.engine->drain(1000));
    EXPECT_EQ(node.engine->stats().full_blocks_used, 0);
    EXPECT_EQ(node.engine->stats().sliding_blocks_used, 0);
}

TEST_P(EngineTest, ASinkMayCancelItsOwnRequest) {
    TestEngine node(scripted(), {}, counting_source);
    std::atomic<RequestId> id = 1;
    auto sink = std::make_shared<RecordingSink>([&](std::size_t count) {
        if (count == 5) node.engine->cancel(id);
    });
    node.engine->submit({.prompt = {1}, .max_tokens = 900}, sink);
    sink->wait();
    EXPECT_EQ(sink->reason(), FinishReason::cancelled);
    EXPECT_LE(sink->tokens().size(), 7U);  // it stops within a step
    EXPECT_FALSE(sink->heard_tokens_after_the_end());
}

TEST_P(EngineTest, ASinkThatThrowsEndsItsOwnRequestOnly) {
    TestEngine node(scripted(), {}, counting_source);
    auto bad = std::make_shared<RecordingSink>([](std::size_t count) {
        if (count == 2) throw std::runtime_error("the sink is broken");
    });
    node.engine->submit({.prompt = {1}, .max_tokens = 20}, bad);
    const auto good = node.submit({.prompt = {1}, .max_tokens = 20});
    good->wait();
    bad->wait();
    EXPECT_EQ(good->tokens().size(), 20U);
    EXPECT_EQ(bad->reason(), FinishReason::error);
    EXPECT_EQ(bad->error(), "the sink is broken");
    EXPECT_EQ(node.engine->failure(), "");
}

TEST_P(EngineTest, SurvivesTheBackendsFailure) {
    ScriptedOptions options = scripted();
    options.fail_at_step = 5;
    TestEngine node(options, {}, counting_source);
    const auto sink = node.submit({.prompt = {1}, .max_tokens = 100});
    sink->wait();
    EXPECT_EQ(sink->reason(), FinishReason::error);
    EXPECT_THAT(sink->error(), testing::HasSubstr("scripted device failed"));
    EXPECT_THAT(node.engine->failure(), testing::HasSubstr("scripted device failed"));
    try {
        node.submit({.prompt = {1}, .max_tokens = 100});
        FAIL() << "a failed engine took a request";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::device_failed);
    }
    EXPECT_TRUE(node.engine->drain(1000));
}

TEST_P(EngineTest, DrainingLetsRequestsFinishAndTakesNoMore) {
    ScriptedOptions options = scripted();
    options.step_ms = 0.5;
    TestEngine node(options, {}, counting_source);
    const auto sink = node.submit({.prompt = {1}, .max_tokens = 30});
    EXPECT_TRUE(node.engine->drain(30000));
    EXPECT_EQ(sink->finishes(), 1);
    EXPECT_EQ(sink->reason(), FinishReason::length);
    try {
        node.submit({.prompt = {1}, .max_tokens = 1});
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::shutting_down);
    }
}

TEST_P(EngineTest, DrainingCancelsWhatIsNotDoneInTime) {
    ScriptedOptions options = scripted();
    options.step_ms = 1;
    TestEngine node(options, {}, counting_source);
    const auto sink = node.submit({.prompt = {1}, .max_tokens = 900});
    sink->wait_for_tokens(1);
    EXPECT_FALSE(node.engine->drain(5));
    EXPECT_EQ(sink->finishes(), 1);
    EXPECT_EQ(sink->reason(), FinishReason::cancelled);
}

TEST_P(EngineTest, TheDestructorCancelsWhatRuns) {
    ScriptedOptions options = scripted();
    options.step_ms = 1;
    auto node = std::make_unique<TestEngine>(options, EngineOptions{}, counting_source);
    const auto sink = node->submit({.prompt = {1}, .max_tokens = 900});
    sink->wait_for_tokens(1);
    node.reset();
    EXPECT_EQ(sink->reason(), FinishReason::cancelled);
    EXPECT_EQ(sink->finishes(), 1);
}

TEST_P(EngineTest, CountsWhatItDid) {
    TestEngine node(scripted(), {}, counting_source);
    node.run({.prompt = std::vector<TokenId>(100, 7), .max_tokens = 5});
    node.run({.prompt = std::vector<TokenId>(100, 7), .max_tokens = 5});
    ASSERT_TRUE(node.engine->drain(1000));
    const EngineStats stats = node.engine->stats();
    EXPECT_EQ(stats.prompt_tokens, 200);
    EXPECT_EQ(stats.cached_tokens, 99);
    EXPECT_EQ(stats.generated_tokens, 10);
    EXPECT_EQ(stats.running, 0);
    EXPECT_EQ(stats.waiting, 0);
    EXPECT_EQ(stats.full_blocks_used, 0);
    EXPECT_GT(stats.full_blocks_cached, 0);
    EXPECT_EQ(stats.full_blocks_total, 64);
}

TEST_P(EngineTest, PriorityGoesFirst) {
    ScriptedOptions options = scripted();
    options.max_sequences = 1;
    options.step_ms = 1;
    TestEngine node(options, {}, counting_source);
    std::mutex mutex;
    std::vector<int> order;
    const auto first = node.submit({.prompt = {1}, .max_tokens = 50});
    first->wait_for_tokens(1);
    std::vector<std::shared_ptr<RecordingSink>> sinks;
    for (int priority : {0, 2, 1}) {
        sinks.push_back(std::make_shared<RecordingSink>([&, priority](std::size_t) {
            std::lock_guard lock(mutex);
            order.push_back(priority);
        }));
        node.engine->submit({.prompt = {1}, .max_tokens = 1, .priority = priority}, sinks.back());
    }
    for (const auto& sink : sinks) sink->wait();
    EXPECT_THAT(order, ElementsAre(2, 1, 0));
}

}  // namespace
}  // namespace gptoss::engine

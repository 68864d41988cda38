// Tokens that a constraint leaves no choice in: taken without a step of their own, and nobody can tell.
#include <gtest/gtest.h>

#include "engine/engine_fixture.h"
#include "engine/scheduler.h"
#include "engine/toy_constraint.h"

namespace gptoss::engine {
namespace {

using test::ScriptedOptions;
using test::TestEngine;
using test::ToyConstraint;

struct Told {
    std::vector<TokenId> tokens;
    FinishReason reason{};
    Usage usage;
    EngineStats stats;
};

Told tell(GenerationRequest request, ToyConstraint::Kind kind, bool jumps, bool asynchronous,
          ScriptedOptions scripted = {}) {
    scripted.asynchronous = asynchronous;
    EngineOptions options;
    options.jump_ahead = jumps;
    TestEngine node(scripted, options);
    request.constraint = std::make_shared<ToyConstraint>(scripted.vocabulary, kind, 3);
    const auto sink = node.submit(std::move(request));
    sink->wait();
    EXPECT_TRUE(node.engine->drain(1000));
    return {sink->tokens(), sink->reason(), sink->usage(), node.engine->stats()};
}

TEST(JumpAhead, SaysTheSameInFewerSteps) {
    for (const bool asynchronous : {false, true}) {
        const GenerationRequest request{.prompt = {1, 2, 3}, .max_tokens = 200};
        const Told with = tell(request, ToyConstraint::Kind::forced, true, asynchronous);
        const Told without = tell(request, ToyConstraint::Kind::forced, false, asynchronous);
        EXPECT_EQ(with.tokens, without.tokens);
        EXPECT_EQ(with.reason, FinishReason::length);
        EXPECT_EQ(with.usage.completion_tokens, 200);
        EXPECT_EQ(without.stats.forced_tokens, 0);
        EXPECT_GT(with.stats.forced_tokens, 100);
        // Every token takes a step, or is taken along in another's.
        EXPECT_EQ(without.stats.steps, 200);
        EXPECT_EQ(with.stats.steps + with.stats.forced_tokens, 200);
    }
}

TEST(JumpAhead, EndsAtAStopTokenThatIsForced) {
    const GenerationRequest request{.prompt = {1, 2, 3}, .max_tokens = 200};
    const std::vector<TokenId> said = tell(request, ToyConstraint::Kind::forced, false, false).tokens;
    for (std::size_t at = 5; at < 25; ++at) {
        GenerationRequest stopped = request;
        stopped.stop_tokens = {said[at]};
        const Told with = tell(stopped, ToyConstraint::Kind::forced, true, true);
        const Told without = tell(stopped, ToyConstraint::Kind::forced, false, true);
        EXPECT_EQ(with.tokens, without.tokens);
        EXPECT_EQ(with.tokens.back(), said[at]);
        EXPECT_EQ(with.reason, FinishReason::stop);
    }
}

TEST(JumpAhead, LongRunsGoOnStepByStep) {
    for (const bool asynchronous : {false, true}) {
        const GenerationRequest request{.prompt = {1}, .max_tokens = 150};
        const Told with = tell(request, ToyConstraint::Kind::lonely, true, asynchronous);
        EXPECT_EQ(with.tokens, std::vector<TokenId>(150, 3));
        EXPECT_EQ(with.stats.steps, 150 - with.stats.forced_tokens);
        // Behind the prompt they are taken; what runs ahead later is sampled already when it is found to be the only one.
        EXPECT_EQ(with.stats.forced_tokens == kMostForcedTokens, asynchronous);
        EXPECT_EQ(with.stats.forced_tokens > 100, !asynchronous);
    }
}

// The batch is hardly larger than one row for everybody: the tokens taken are computed over several steps.
TEST(JumpAhead, FitsIntoASmallBatch) {
    ScriptedOptions scripted;
    scripted.max_sequences = scripted.max_batch_tokens = 4;
    const GenerationRequest request{.prompt = {1, 2, 3, 4, 5, 6, 7}, .max_tokens = 100};
    const Told with = tell(request, ToyConstraint::Kind::forced, true, false, scripted);
    EXPECT_EQ(with.tokens, tell(request, ToyConstraint::Kind::forced, false, false, scripted).tokens);
    EXPECT_GT(with.stats.forced_tokens, 50);
}

TEST(JumpAhead, LogProbabilitiesNeedEveryStep) {
    GenerationRequest request{.prompt = {1, 2, 3}, .max_tokens = 50};
    request.sampling.top_logprobs = 0;
    EXPECT_EQ(tell(request, ToyConstraint::Kind::forced, true, false).stats.forced_tokens, 0);
}

}  // namespace
}  // namespace gptoss::engine

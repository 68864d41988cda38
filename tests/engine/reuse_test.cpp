// What a conversation costs: turns compute what is new, not what was said before.
#include <gtest/gtest.h>

#include "engine/engine_fixture.h"

namespace gptoss::engine {
namespace {

using test::random_tokens;
using test::ScriptedOptions;
using test::TestEngine;

ScriptedOptions one_conversation() {
    ScriptedOptions options;
    options.max_sequences = 4;
    options.full_blocks = 200;
    // What model::plan() gives four sequences: their windows, one batch, and as many windows again.
    options.sliding_blocks = 2 * 3 * 4 + 512 / 64 + 4;
    return options;
}

std::vector<TokenId> joined(std::vector<TokenId> first, const std::vector<TokenId>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

// Tool calls: every turn goes on exactly where the answer before it ended.
TEST(Reuse, TenTurnsOfToolCallsComputeUnderFivePercentOfTheHistoryAgain) {
    TestEngine node(one_conversation());
    std::mt19937 random(1);
    std::vector<TokenId> history = random_tokens(random, 900, node.vocabulary);
    for (int turn = 1; turn <= 10; ++turn) {
        const auto sink = node.submit({.prompt = history, .max_tokens = 150});
        sink->wait();
        if (turn > 1) {
            const std::int32_t again = sink->usage().prompt_tokens - 40 - sink->usage().cached_tokens;
            EXPECT_LT(again, sink->usage().prompt_tokens / 20) << "turn " << turn;
            EXPECT_LE(again, 4) << "turn " << turn;
        }
        history = joined(joined(history, sink->tokens()), random_tokens(random, 40, node.vocabulary));
    }
}

// Plain chat: the next prompt leaves out what was thought, so it parts from the last answer where that began.
TEST(Reuse, TurnsThatDropTheReasoningGoOnFromTheLastPrompt) {
    TestEngine node(one_conversation());
    std::mt19937 random(2);
    std::vector<TokenId> history = random_tokens(random, 777, node.vocabulary);
    for (int turn = 1; turn <= 10; ++turn) {
        const auto sink = node.submit({.prompt = history, .max_tokens = 300});
        sink->wait();
        if (turn > 1) {
            const std::int32_t fresh = 60 + 30;
            EXPECT_LE(sink->usage().prompt_tokens - fresh - sink->usage().cached_tokens, 4)
                << "turn " << turn;
        }
        const std::vector<TokenId> said = sink->tokens();
        const std::vector<TokenId> answer(said.end() - 60, said.end());
        history = joined(joined(history, answer), random_tokens(random, 30, node.vocabulary));
    }
}

// Nobody can know beforehand where two prompts will part; from the second on it is known.
TEST(Reuse, TheThirdRequestProfitsFromWhereTheFirstTwoParted) {
    ScriptedOptions options = one_conversation();
    options.max_sequences = 1;
    options.sliding_blocks = 2 * 3 + 512 / 64 + 1;  // little, so that nothing survives by chance
    TestEngine node(options);
    std::mt19937 random(3);
    const std::vector<TokenId> shared = random_tokens(random, 64 * 40, node.vocabulary);
    std::vector<std::int32_t> cached;
    for (int i = 0; i < 3; ++i) {
        const std::vector<TokenId> own = random_tokens(random, 64 * 20, node.vocabulary);
        const auto sink = node.submit({.prompt = joined(shared, own), .max_tokens = 5});
        sink->wait();
        cached.push_back(sink->usage().cached_tokens);
    }
    EXPECT_EQ(cached[0], 0);
    EXPECT_GE(cached[2], 64 * 40);
}

TEST(Reuse, SeveralAnswersToOnePromptComputeItOnce) {
    ScriptedOptions options = one_conversation();
    TestEngine node(options);
    std::mt19937 random(4);
    const std::vector<TokenId> prompt = random_tokens(random, 1500, node.vocabulary);
    std::vector<std::shared_ptr<test::RecordingSink>> sinks;
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
        GenerationRequest request{.prompt = prompt, .max_tokens = 20};
        request.sampling.seed = seed;
        sinks.push_back(node.submit(request));
    }
    std::int32_t cached = 0;
    for (const auto& sink : sinks) {
        sink->wait();
        cached += sink->usage().cached_tokens;
    }
    EXPECT_GE(cached, 3 * (1500 - 64));
}

TEST(Reuse, OffMeansOff) {
    TestEngine node(one_conversation(), {.prefix_cache = false});
    std::mt19937 random(5);
    const std::vector<TokenId> prompt = random_tokens(random, 500, node.vocabulary);
    for (int i = 0; i < 2; ++i) {
        const auto sink = node.submit({.prompt = prompt, .max_tokens = 5});
        sink->wait();
        EXPECT_EQ(sink->usage().cached_tokens, 0);
    }
    EXPECT_EQ(node.backend->counts().copies, 0);
}

}  // namespace
}  // namespace gptoss::engine

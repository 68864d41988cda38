// Thousands of random lives of an engine. Whatever is chunked, shared, evicted, preempted, cancelled or
// sampled ahead, every sequence must say exactly what it says when it is alone; the scripted backend reads
// every token back through the block tables at each step.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <thread>

#include "engine/engine_fixture.h"
#include "engine/scheduler.h"
#include "engine/toy_constraint.h"
#include "support/rounds.h"

namespace gptoss::engine {
namespace {

using test::RecordingSink;
using test::ScriptedOptions;
using test::TestEngine;
using test::ToyConstraint;

class Dice {
  public:
    explicit Dice(unsigned seed) : random_(seed) {}
    std::int32_t between(std::int32_t low, std::int32_t high) {
        return low + static_cast<std::int32_t>(random_() % static_cast<unsigned long>(high - low + 1));
    }
    bool one_in(std::int32_t n) { return between(1, n) == 1; }
    std::mt19937& random() { return random_; }

  private:
    std::mt19937 random_;
};

struct Life {
    GenerationRequest request;
    std::vector<TokenId> expected;
    std::shared_ptr<RecordingSink> sink;
    RequestId id = 0;
    bool cancelled = false;
};

ScriptedOptions random_backend(Dice& dice) {
    ScriptedOptions options;
    options.vocabulary = dice.one_in(4) ? 3 : 500;  // 3: many sequences agree for a while by chance
    options.asynchronous = dice.one_in(2);
    options.sliding_window = dice.one_in(4) ? dice.between(1, 200) : 128;
    options.max_sequences = dice.between(1, 6);
    options.max_batch_tokens = dice.one_in(2) ? dice.between(6, 40) : dice.between(100, 400);
    options.full_blocks = dice.one_in(2) ? dice.between(4, 10) : dice.between(10, 40);
    options.sliding_blocks = most_window_blocks(options.sliding_window) +
                             (dice.one_in(2) ? dice.between(0, 4) : dice.between(10, 40));
    return options;
}

std::vector<TokenId> random_prompt(Dice& dice, const std::vector<Life>& earlier, TokenId vocabulary,
                                   std::int32_t longest) {
    std::vector<TokenId> prompt;
    if (!earlier.empty() && dice.one_in(2)) {
        // A later turn, or another request with the same beginning.
        const Life& life = earlier[dice.between(0, static_cast<std::int32_t>(earlier.size()) - 1)];
        prompt = life.request.prompt;
        if (dice.one_in(2)) prompt.insert(prompt.end(), life.expected.begin(), life.expected.end());
        if (dice.one_in(2)) prompt.resize(dice.between(0, static_cast<std::int32_t>(prompt.size())));
    }
    const std::int32_t more = dice.one_in(2) ? dice.between(1, 20) : dice.between(1, longest);
    const std::vector<TokenId> rest = test::random_tokens(dice.random(), more, vocabulary);
    prompt.insert(prompt.end(), rest.begin(), rest.end());
    if (static_cast<std::int32_t>(prompt.size()) > longest) prompt.resize(longest);
    return prompt;
}

Life random_life(Dice& dice, const std::vector<Life>& earlier, TokenId vocabulary, std::int32_t context,
                 const test::TokenSource& source) {
    Life life;
    life.request.prompt = random_prompt(dice, earlier, vocabulary, context - 1);
    life.request.max_tokens = dice.one_in(2) ? dice.between(1, 10) : dice.between(1, 250);
    life.request.sampling.seed = dice.between(0, 3);
    life.request.priority = dice.one_in(4) ? dice.between(0, 2) : 0;
    life.request.client = std::string(1, static_cast<char>('a' + dice.between(0, 2)));
    if (dice.one_in(3)) life.request.stop_tokens = {dice.between(0, vocabulary - 1)};
    if (dice.one_in(6))
        life.request.sampling.frequency_penalty =
            1;  // has the engine count tokens; the backend obeys no penalty
    const std::int32_t room = context - static_cast<std::int32_t>(life.request.prompt.size());
    const std::size_t most = std::min(life.request.max_tokens, room);
    if (dice.one_in(3)) {
        const auto kind = static_cast<ToyConstraint::Kind>(dice.between(0, 5));
        const auto seed = static_cast<std::uint64_t>(dice.between(0, 9));
        life.request.constraint = std::make_shared<ToyConstraint>(vocabulary, kind, seed);
        ToyConstraint alone(vocabulary, kind, seed);
        life.expected = test::expected_answer(life.request, most, source, vocabulary, &alone);
    } else {
        life.expected = test::expected_answer(life.request, most, source, vocabulary);
    }
    return life;
}

void live(unsigned seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Dice dice(seed);
    const ScriptedOptions scripted = random_backend(dice);
    EngineOptions options;
    options.prefix_cache = !dice.one_in(5);
    options.jump_ahead = !dice.one_in(4);
    options.scheduling = static_cast<Scheduling>(seed % 3);
    const test::TokenSource source = test::hashed_source(scripted.vocabulary);
    TestEngine node(scripted, options, source);
    const std::int32_t context = node.engine->options().context_length;

    std::vector<Life> lives;
    const std::int32_t count = dice.between(1, 16);
    for (std::int32_t i = 0; i < count; ++i) {
        Life life = random_life(dice, lives, scripted.vocabulary, context, source);
        life.sink = std::make_shared<RecordingSink>();
        life.id = node.engine->submit(life.request, life.sink);
        lives.push_back(std::move(life));
        if (dice.one_in(8)) {
            Life& victim = lives[dice.between(0, i)];
            if (dice.one_in(2)) victim.sink->wait_for_tokens(dice.between(0, 5));
            node.engine->cancel(victim.id);
            victim.cancelled = true;
        }
        if (dice.one_in(4)) lives[dice.between(0, i)].sink->wait();
    }
    for (const Life& life : lives) {
        life.sink->wait();
        const std::vector<TokenId> said = life.sink->tokens();
        ASSERT_EQ(life.sink->finishes(), 1);
        ASSERT_FALSE(life.sink->heard_tokens_after_the_end());
        if (life.cancelled && life.sink->reason() == FinishReason::cancelled) {
            ASSERT_LE(said.size(), life.expected.size());
            ASSERT_TRUE(std::equal(said.begin(), said.end(), life.expected.begin()));
            continue;
        }
        ASSERT_EQ(said, life.expected);
        const bool stopped = !life.request.stop_tokens.empty() && said.back() == life.request.stop_tokens[0];
        ASSERT_EQ(life.sink->reason(), stopped ? FinishReason::stop : FinishReason::length);
        ASSERT_EQ(life.sink->usage().completion_tokens, static_cast<std::int32_t>(said.size()));
        ASSERT_LE(life.sink->usage().cached_tokens, life.sink->usage().prompt_tokens);
    }
    ASSERT_TRUE(node.engine->drain(10000));
    ASSERT_EQ(node.engine->failure(), "");
    const EngineStats stats = node.engine->stats();
    ASSERT_EQ(stats.full_blocks_used, 0);
    ASSERT_EQ(stats.sliding_blocks_used, 0);
    if (!options.prefix_cache) {
        ASSERT_EQ(stats.cached_tokens, 0);
        ASSERT_EQ(stats.full_blocks_cached, 0);
    }
}

// Sixteen ranges, so that test programs may share them out.
class Scenarios : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Seeds, Scenarios, testing::Range(0U, 16U));

TEST_P(Scenarios, EverySequenceSaysWhatItSaysAlone) {
    for (unsigned seed = GetParam() * 1000; seed < GetParam() * 1000 + test::rounds(125); ++seed) {
        live(seed);
        if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace gptoss::engine

// Tokens without a choice right behind a prompt: computed with it, told with the first one that is sampled.
#include <gtest/gtest.h>

#include <optional>

#include "engine/engine_fixture.h"

namespace gptoss::engine {
namespace {

using test::counting_source;
using test::ScriptedOptions;
using test::TestEngine;

constexpr TokenId kVocabulary = 1000;

// One place after the other: a token, or any. Behind the last of them any may follow, or nothing.
class Path final : public TokenConstraint {
  public:
    Path(std::vector<std::optional<TokenId>> places, bool open_end = true)
        : places_(std::move(places)), open_end_(open_end) {}

    std::span<const std::uint32_t> allowed() override {
        if (at_ >= places_.size() ? open_end_ : !places_[at_]) return {};
        mask_.assign((kVocabulary + 31) / 32, 0);
        if (at_ < places_.size()) mask_[*places_[at_] / 32] |= 1U << (*places_[at_] % 32);
        return mask_;
    }
    void accept(TokenId) override { ++at_; }
    bool depends_on_last_token() const override { return at_ < places_.size(); }
    std::unique_ptr<TokenConstraint> fork() const override { return std::make_unique<Path>(*this); }

  private:
    std::vector<std::optional<TokenId>> places_;
    bool open_end_;
    std::size_t at_ = 0;
    std::vector<std::uint32_t> mask_;
};

struct Outcome {
    std::vector<TokenId> said;
    FinishReason reason{};
    Usage usage;
    std::int64_t steps = 0, rows = 0;
};

Outcome run(GenerationRequest request, std::shared_ptr<Path> path, bool asynchronous = true) {
    ScriptedOptions options;
    options.asynchronous = asynchronous;
    TestEngine node(options, {}, counting_source);
    request.constraint = std::move(path);
    const auto sink = node.submit(std::move(request));
    sink->wait();
    EXPECT_TRUE(node.engine->drain(1000));
    EXPECT_EQ(sink->finishes(), 1);
    return {sink->tokens(), sink->reason(), sink->usage(), node.backend->counts().steps,
            node.backend->counts().rows};
}

std::shared_ptr<Path> path(std::vector<std::optional<TokenId>> places, bool open_end = true) {
    return std::make_shared<Path>(std::move(places), open_end);
}

TEST(JumpFromPrompt, ComputesThemWithThePrompt) {
    const Outcome outcome = run({.prompt = {1, 2, 3}, .max_tokens = 5}, path({50, 60}));
    EXPECT_EQ(outcome.said, (std::vector<TokenId>{50, 60, 61, 62, 63}));
    EXPECT_EQ(outcome.steps, 3);
    EXPECT_EQ(outcome.rows, 3 + 4) << "all but the last are computed once";
    EXPECT_EQ(outcome.usage.prompt_tokens, 3);
    EXPECT_EQ(outcome.usage.completion_tokens, 5);
}

TEST(JumpFromPrompt, AHeaderTakesOneStepOfItsOwn) {
    // A message's header: the channel is chosen, what follows it is not.
    const Outcome outcome = run({.prompt = {1}, .max_tokens = 6}, path({50, {}, 70, 80}));
    EXPECT_EQ(outcome.said, (std::vector<TokenId>{50, 51, 70, 80, 81, 82}));
    EXPECT_EQ(outcome.steps, 3) << "51; 81; 82";
}

TEST(JumpFromPrompt, SamplesThemWhereLogProbabilitiesAreWanted) {
    GenerationRequest request{.prompt = {1}, .max_tokens = 4};
    request.sampling.top_logprobs = 0;
    EXPECT_EQ(run(request, path({50, 60, 70})).steps, 4);
}

TEST(JumpFromPrompt, TheLastTokenIsSampledSoThatThePromptIsComputed) {
    const Outcome outcome = run({.prompt = {1, 2}, .max_tokens = 2}, path({50, 60, 70}));
    EXPECT_EQ(outcome.said, (std::vector<TokenId>{50, 60}));
    EXPECT_EQ(outcome.steps, 1);
    EXPECT_EQ(outcome.reason, FinishReason::length);
}

TEST(JumpFromPrompt, AStopTokenIsSampled) {
    EXPECT_EQ(run({.prompt = {1}, .stop_tokens = {50}}, path({50})).said, std::vector<TokenId>{50});
}

TEST(JumpFromPrompt, TellsThemWhereNothingFollows) {
    for (const bool asynchronous : {false, true}) {
        const Outcome outcome = run({.prompt = {1}}, path({50, 60}, false), asynchronous);
        EXPECT_EQ(outcome.said, (std::vector<TokenId>{50, 60}));
        EXPECT_EQ(outcome.reason, FinishReason::stop);
        EXPECT_EQ(outcome.usage.completion_tokens, 2);
    }
}

}  // namespace
}  // namespace gptoss::engine

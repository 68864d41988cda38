// Steps submitted before the tokens of the one before are read: what that costs, and who must wait.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "engine/engine_fixture.h"
#include "engine/toy_constraint.h"

namespace gptoss::engine {
namespace {

using test::counting_source;
using test::ScriptedOptions;
using test::TestEngine;
using test::ToyConstraint;

std::int64_t rows_for(bool asynchronous, const GenerationRequest& request,
                      const test::TokenSource& source = counting_source) {
    ScriptedOptions options;
    options.asynchronous = asynchronous;
    TestEngine node(options, {}, source);
    node.run(request);
    EXPECT_TRUE(node.engine->drain(1000));
    const std::int64_t rows = node.backend->counts().rows;
    return rows;
}

TEST(RunAhead, ASynchronousBackendComputesNothingInVain) {
    EXPECT_EQ(rows_for(false, {.prompt = {1}, .max_tokens = 10}), 10);
    EXPECT_EQ(rows_for(false, {.prompt = {1}, .stop_tokens = {6}}), 5);
}

TEST(RunAhead, AnAsynchronousBackendComputesOneRowInVainAtAStopToken) {
    EXPECT_EQ(rows_for(true, {.prompt = {1}, .max_tokens = 10}), 10) << "a limit is known beforehand";
    EXPECT_EQ(rows_for(true, {.prompt = {1}, .stop_tokens = {6}}), 6);
}

TEST(RunAhead, PenaltiesRunAheadToo) {
    GenerationRequest request{.prompt = {1}, .stop_tokens = {6}};
    request.sampling.presence_penalty = 0.5F;
    EXPECT_EQ(rows_for(true, request), 6) << "the backend counts the token in flight itself";
}

TEST(RunAhead, AConstraintThatDependsOnTheTokenInFlightWaits) {
    GenerationRequest request{.prompt = {1}, .max_tokens = 30};
    request.constraint = std::make_shared<ToyConstraint>(1000, ToyConstraint::Kind::each, 1);
    EXPECT_EQ(rows_for(true, request), 30);
}

// The device has nothing to do while tokens are read: those of the others wait until it has.
TEST(RunAhead, WhoDoesNotWaitIsReadAfterTheNextStepIsSubmitted) {
    ScriptedOptions options;
    options.asynchronous = true;
    const auto free = std::make_shared<test::RecordingSink>();
    std::vector<std::size_t> unread;  // tokens of the one that does not wait, when its next one is sampled
    const auto source = [&](const test::Moment& moment) {
        if (moment.prompt().front() == 2 && moment.step > 5)
            unread.push_back(moment.step - free->tokens().size());
        return counting_source(moment);
    };
    TestEngine node(options, {}, source);
    std::promise<void> both;
    const auto waiting =
        std::make_shared<test::RecordingSink>([&, together = both.get_future().share()](std::size_t count) {
            if (count == 1) together.wait();
        });
    GenerationRequest request{.prompt = {1}, .max_tokens = 60};
    request.constraint = std::make_shared<ToyConstraint>(1000, ToyConstraint::Kind::each, 1);
    node.engine->submit(request, waiting);
    node.engine->submit({.prompt = {2}, .max_tokens = 30}, free);
    both.set_value();
    waiting->wait();
    EXPECT_EQ(free->tokens().size(), 30U);
    EXPECT_THAT(unread, testing::AllOf(testing::SizeIs(24), testing::Each(1)));
}

TEST(RunAhead, AMaskThatChangesAfterAllCostsOneRowEachTime) {
    // The mask changes at tokens divisible by 5; from 2 on, skipping those it forbids.
    GenerationRequest request{.prompt = {1}, .max_tokens = 30};
    request.constraint = std::make_shared<ToyConstraint>(1000, ToyConstraint::Kind::sections, 1);
    ToyConstraint alone(1000, ToyConstraint::Kind::sections, 1);
    std::int32_t changes = 0;
    const std::vector<TokenId> said = test::expected_answer(request, 30, counting_source, 1000, &alone);
    ToyConstraint replay(1000, ToyConstraint::Kind::sections, 1);
    for (std::size_t i = 0; i + 1 < said.size(); ++i) {
        const std::uint64_t before = replay.allowed_id();
        replay.accept(said[i]);
        // The last token has none sampled ahead of it.
        if (i + 2 < said.size() + 1 && replay.allowed_id() != before) ++changes;
    }
    ASSERT_GT(changes, 2);
    EXPECT_EQ(rows_for(true, request), 30 + changes);
}

// A constraint that allows nothing after three tokens.
class Finished final : public TokenConstraint {
  public:
    std::span<const std::uint32_t> allowed() override {
        if (left_ == 0) return nothing_;
        return {};
    }
    void accept(TokenId) override { --left_; }
    bool depends_on_last_token() const override { return false; }
    std::unique_ptr<TokenConstraint> fork() const override { return std::make_unique<Finished>(*this); }

  private:
    int left_ = 3;
    std::vector<std::uint32_t> nothing_ = std::vector<std::uint32_t>(32);
};

TEST(RunAhead, WhenNothingMayFollowTheTextIsComplete) {
    for (bool asynchronous : {false, true}) {
        ScriptedOptions options;
        options.asynchronous = asynchronous;
        TestEngine node(options, {}, counting_source);
        GenerationRequest request{.prompt = {1}};
        request.constraint = std::make_shared<Finished>();
        const auto sink = node.submit(request);
        sink->wait();
        EXPECT_EQ(sink->tokens().size(), 3U);
        EXPECT_EQ(sink->reason(), FinishReason::stop);
    }
}

// Counts of generated tokens reach the backend, those of the prompt as zero.
TEST(RunAhead, PenaltiesSeeThePromptAndTheAnswer) {
    ScriptedOptions options;
    auto seen = std::make_shared<std::vector<std::pair<TokenId, std::int32_t>>>();
    class Spy final : public backend::Backend {
      public:
        Spy(std::unique_ptr<backend::Backend> inner,
            std::shared_ptr<std::vector<std::pair<TokenId, std::int32_t>>> seen)
            : inner_(std::move(inner)), seen_(std::move(seen)) {}
        const backend::BackendInfo& info() const override { return inner_->info(); }
        void forward(const backend::Batch& batch) override { inner_->forward(batch); }
        backend::StepHandle sample(std::span<const backend::SampleRow> rows) override {
            seen_->clear();
            for (const backend::TokenCount& count : rows[0].counts)
                seen_->push_back({count.token, count.count});
            if (rows[0].last_is_uncounted) ++seen_->back().second;  // every token of the answer is the same
            return inner_->sample(rows);
        }
        std::span<const backend::SampledToken> wait(backend::StepHandle handle) override {
            return inner_->wait(handle);
        }
        void read_logits(std::int32_t index, std::span<float> out) override {
            inner_->read_logits(index, out);
        }
        void copy_block(backend::Pool pool, backend::BlockId from, backend::BlockId to) override {
            inner_->copy_block(pool, from, to);
        }

      private:
        std::unique_ptr<backend::Backend> inner_;
        std::shared_ptr<std::vector<std::pair<TokenId, std::int32_t>>> seen_;
    };
    auto constant = [](const test::Moment&) { return TokenId{9}; };
    auto spy = std::make_unique<Spy>(std::make_unique<test::ScriptedBackend>(options, constant), seen);
    EngineOptions settings{.context_length = 512,
                           .max_sequences = 8,
                           .max_batch_tokens = 512,
                           .full_blocks = options.full_blocks,
                           .sliding_blocks = options.sliding_blocks};
    Engine engine(std::move(spy), settings);
    GenerationRequest request{.prompt = {4, 4, 5}, .max_tokens = 4};
    request.sampling.repetition_penalty = 1.2F;
    auto sink = std::make_shared<test::RecordingSink>();
    engine.submit(request, sink);
    sink->wait();
    const std::vector<std::pair<TokenId, std::int32_t>> expected{{4, 0}, {5, 0}, {9, 3}};
    EXPECT_EQ(*seen, expected);
}

}  // namespace
}  // namespace gptoss::engine

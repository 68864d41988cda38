// A row's result must not depend on how a prompt was cut, what else is in the batch, or where its blocks lie.
// The fast path promises the same bits; so does the reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "backend/sequence_runner.h"
#include "model/synthetic.h"
#include "oracle.h"
#include "support/rounds.h"

namespace gptoss::backend::test {
namespace {

model::Hyperparameters small_shape() {
    model::Hyperparameters shape = model::gpt_oss_20b();
    shape.layers = 3;
    shape.hidden = 96;
    shape.query_heads = 10;  // five to a KV head: a whole tile of heads and a remainder
    shape.kv_heads = 2;
    shape.experts = 6;
    shape.intermediate_size = 64;
    shape.vocabulary = 200;
    return shape;
}

std::vector<TokenId> random_tokens(std::size_t count, std::int32_t vocabulary, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<TokenId> tokens(count);
    for (TokenId& token : tokens) token = static_cast<TokenId>(random() % vocabulary);
    return tokens;
}

std::vector<float> read_rows(Backend& backend, std::int32_t first, std::int32_t count,
                             std::size_t vocabulary) {
    std::vector<float> rows(count * vocabulary);
    for (std::int32_t i = 0; i < count; ++i)
        backend.read_logits(first + i, std::span(rows).subspan(i * vocabulary, vocabulary));
    return rows;
}

class Invariance : public testing::TestWithParam<bool> {
  protected:
    BackendOptions options(std::int32_t context, std::int32_t sequences) const {
        BackendOptions made = options_for(model_.weights(), context, sequences, GetParam());
        made.threads = 2;
        return made;
    }
    const model::SyntheticModel model_{small_shape()};
    const std::size_t vocabulary_ = 200;
};

TEST_P(Invariance, APromptMayBeCutAnywhere) {
    const std::vector<TokenId> tokens = random_tokens(300, 200, 1);
    const BackendOptions whole = options(300, 300);
    const auto backend = make_cpu_backend(model_.weights(), whole);
    const std::vector<float> expected = all_logits(model_.weights(), tokens, 300, whole, *backend);
    for (const std::int32_t step : {1, 7, 64, 130}) {
        const auto other = make_cpu_backend(model_.weights(), whole);
        EXPECT_EQ(all_logits(model_.weights(), tokens, step, whole, *other), expected)
            << "in steps of " << step;
    }
}

TEST_P(Invariance, SequencesTogetherAreEachAsAlone) {
    const std::vector<std::vector<TokenId>> prompts{random_tokens(150, 200, 2), random_tokens(1, 200, 3),
                                                    random_tokens(67, 200, 4)};
    const BackendOptions many = options(256, 3);
    const auto together = make_cpu_backend(model_.weights(), many);
    SequenceRunner runner(*together, many.plan, small_shape().sliding_window);
    const auto one_more = random_tokens(1, 200, 5);
    std::vector<SequenceRunner::Feed> prefill, decode;
    for (std::int32_t slot = 0; slot < 3; ++slot) {
        prefill.push_back({slot, prompts[slot], 1});
        decode.push_back({slot, one_more, 1});
    }
    runner.forward(prefill);
    const std::vector<float> after_prompt = read_rows(*together, 0, 3, vocabulary_);
    runner.forward(decode);
    const std::vector<float> after_one_more = read_rows(*together, 0, 3, vocabulary_);
    for (std::int32_t slot = 0; slot < 3; ++slot) {
        const auto alone = make_cpu_backend(model_.weights(), many);
        SequenceRunner own(*alone, many.plan, small_shape().sliding_window);
        own.forward({&prefill[slot], 1});
        const auto at = static_cast<std::ptrdiff_t>(slot * vocabulary_);
        EXPECT_TRUE(std::ranges::equal(read_rows(*alone, 0, 1, vocabulary_),
                                       std::span(after_prompt).subspan(at, vocabulary_)));
        own.forward({&decode[slot], 1});
        EXPECT_TRUE(std::ranges::equal(read_rows(*alone, 0, 1, vocabulary_),
                                       std::span(after_one_more).subspan(at, vocabulary_)));
    }
}

TEST_P(Invariance, BlocksMayLieAnywhereAndBeCopied) {
    const std::vector<TokenId> tokens = random_tokens(300, 200, 6);
    const BackendOptions some = options(1024, 2);
    const auto run = [&](const std::vector<BlockId>& full, const std::vector<BlockId>& sliding,
                         bool move_last) {
        const auto backend = make_cpu_backend(model_.weights(), some);
        std::vector<BlockId> full_table = full, sliding_table = sliding;
        const std::int32_t no_logits[] = {0};
        const Segment prompt{0, 0, 299, 0, full_table, sliding_table};
        backend->forward({std::span(tokens).first(299), {&prompt, 1}, std::span(no_logits).first(0)});
        if (move_last) {
            backend->copy_block(Pool::full, full_table[4], 15);
            backend->copy_block(Pool::sliding, sliding_table[4], 15);
            full_table[4] = sliding_table[4] = 15;
        }
        // Position 299 sees 172 to 299: blocks 0 and 1 of the sliding layers may be gone.
        sliding_table[0] = sliding_table[1] = kNoBlock;
        const Segment last{0, 0, 1, 299, full_table, sliding_table};
        backend->forward({std::span(tokens).last(1), {&last, 1}, no_logits});
        return read_rows(*backend, 0, 1, vocabulary_);
    };
    const std::vector<float> expected = run({0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}, false);
    EXPECT_EQ(run({9, 2, 14, 0, 7}, {3, 11, 1, 8, 5}, false), expected);
    EXPECT_EQ(run({9, 2, 14, 0, 7}, {3, 11, 1, 8, 5}, true), expected);
}

TEST_P(Invariance, TheLastSampledTokenFeedsTheNextStep) {
    const std::vector<TokenId> prompt = random_tokens(20, 200, 7);
    const BackendOptions one = options(64, 1);
    const auto backend = make_cpu_backend(model_.weights(), one);
    SequenceRunner runner(*backend, one.plan, small_shape().sliding_window);
    runner.prefill(0, prompt);
    SampleRow row;
    row.parameters.temperature = 0;
    const std::vector<float> logits = read_rows(*backend, 0, 1, vocabulary_);
    const TokenId sampled = backend->wait(backend->sample({&row, 1}))[0].token;
    EXPECT_EQ(sampled, argmax(logits));
    const auto next_logits = [&](TokenId token) {
        const auto fresh = make_cpu_backend(model_.weights(), one);
        SequenceRunner own(*fresh, one.plan, small_shape().sliding_window);
        own.prefill(0, prompt);
        const SequenceRunner::Feed feed{0, {&token, 1}, 1};
        own.forward({&feed, 1});
        return read_rows(*fresh, 0, 1, vocabulary_);
    };
    const TokenId last = kTokenFromLastSample;
    const SequenceRunner::Feed feed{0, {&last, 1}, 1};
    runner.forward({&feed, 1});
    EXPECT_EQ(read_rows(*backend, 0, 1, vocabulary_), next_logits(sampled));
    EXPECT_NE(read_rows(*backend, 0, 1, vocabulary_), next_logits((sampled + 1) % 200));
}

INSTANTIATE_TEST_SUITE_P(, Invariance, testing::Bool(),
                         [](const auto& exact) { return exact.param ? "Reference" : "Fast"; });

// Beyond 2,048 keys attention is softmaxed in stretches, which a single row spreads over threads.
TEST(LongContext, FastPathAgreesWithTheReferenceAndWithItself) {
    model::Hyperparameters shape = small_shape();
    shape.layers = 2;
    const model::SyntheticModel model(shape);
    constexpr std::int32_t kLength = 2300;
    const std::vector<TokenId> tokens = random_tokens(kLength, shape.vocabulary, 8);
    const auto last_row = [&](bool exact, std::int32_t threads, std::int32_t tail) {
        BackendOptions options = options_for(model.weights(), kLength, 1, exact);
        options.threads = threads;
        const auto backend = make_cpu_backend(model.weights(), options);
        SequenceRunner runner(*backend, options.plan, shape.sliding_window);
        runner.prefill(0, std::span(tokens).first(kLength - tail));
        runner.prefill(0, std::span(tokens).last(tail));
        return read_rows(*backend, 0, 1, shape.vocabulary);
    };
    const std::vector<float> in_one_batch = last_row(false, 1, 200);
    EXPECT_EQ(last_row(false, 4, 1), in_one_batch) << "a single row, spread over threads";
    // Ten seconds under a sanitizer, which sees the reference path in the other tests.
    if (!gptoss::test::kSanitized) {
        EXPECT_LT(relative_error(in_one_batch, last_row(true, 2, 200)), 1e-3);
    }
}

}  // namespace
}  // namespace gptoss::backend::test

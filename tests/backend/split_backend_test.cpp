// A model in two places gives the bits of the model in one: both halves on the CPU, cut after every layer, so
// that each half once begins or ends with a layer of either kind.
#include "backend/split_backend.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "backend/sequence_runner.h"
#include "model/synthetic.h"
#include "oracle.h"

namespace gptoss::backend::test {
namespace {

constexpr std::int32_t kLayers = 5, kVocabulary = 200, kSlots = 4;

model::Hyperparameters small_shape() {
    model::Hyperparameters shape = model::gpt_oss_20b();
    shape.layers = kLayers;
    shape.hidden = 96;
    shape.query_heads = 10;
    shape.kv_heads = 2;
    shape.experts = 6;
    shape.intermediate_size = 64;
    shape.vocabulary = kVocabulary;
    return shape;
}

std::vector<TokenId> random_tokens(std::size_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<TokenId> tokens(count);
    for (TokenId& token : tokens) token = static_cast<TokenId>(random() % kVocabulary);
    return tokens;
}

// {exact, first layer of the upper half}
class Split : public testing::TestWithParam<std::tuple<bool, std::int32_t>> {
  protected:
    Split() {
        options_ = options_for(model_.weights(), 512, kSlots, std::get<0>(GetParam()));
        options_.threads = 2;
        whole_ = make_cpu_backend(model_.weights(), options_);
        split_ = make_split(std::get<1>(GetParam()));
    }

    std::unique_ptr<Backend> make_split(std::int32_t first_upper) const {
        BackendOptions lower = options_, upper = options_;
        lower.layers = {0, first_upper};
        upper.layers = {first_upper, kLayers};
        return make_split_backend(make_cpu_lower_layers(model_.weights(), lower),
                                  make_cpu_backend(model_.weights(), upper), options_);
    }

    // The logits of `rows` rows; both backends must agree to the bit.
    std::vector<float> agreed_logits(std::int32_t rows) {
        std::vector<float> expected(rows * kVocabulary), found(expected.size());
        for (std::int32_t i = 0; i < rows; ++i) {
            whole_->read_logits(i, std::span(expected).subspan(i * kVocabulary, kVocabulary));
            split_->read_logits(i, std::span(found).subspan(i * kVocabulary, kVocabulary));
        }
        EXPECT_EQ(found, expected);
        return found;
    }
    void forward(const Batch& batch) {
        whole_->forward(batch);
        split_->forward(batch);
    }

    const model::SyntheticModel model_{small_shape()};
    BackendOptions options_;
    std::unique_ptr<Backend> whole_, split_;
};

// Prompts in chunks, several sequences in a batch, decode rows beside them, and tokens that never came back.
TEST_P(Split, GivesTheBitsOfTheWholeModel) {
    SequenceRunner whole(*whole_, options_.plan, small_shape().sliding_window);
    SequenceRunner split(*split_, options_.plan, small_shape().sliding_window);
    const auto step = [&](const std::vector<SequenceRunner::Feed>& feeds, std::int32_t logits_rows) {
        whole.forward(feeds);
        split.forward(feeds);
        return agreed_logits(logits_rows);
    };
    const std::vector<TokenId> first = random_tokens(300, 1), second = random_tokens(150, 2), one{7};
    const std::vector<TokenId> last{kTokenFromLastSample};
    step({{0, std::span(first).first(170), 0}, {1, std::span(second).first(100), 3}}, 3);
    step({{1, std::span(second).subspan(100), 1}, {0, std::span(first).subspan(170), 1}, {2, one, 1}}, 3);

    for (std::uint64_t turn = 0; turn < 6; ++turn) {
        std::vector<SampleRow> rows(3);
        for (std::int32_t i = 0; i < 3; ++i) {
            rows[i].logits_index = i;
            rows[i].slot = turn == 0 ? std::array{1, 0, 2}[i] : i;
            rows[i].step = turn;
            rows[i].parameters.seed = 40 + i;
            rows[i].parameters.top_logprobs = 2;
        }
        const StepHandle expected_handle = whole_->sample(rows), handle = split_->sample(rows);
        const auto expected = whole_->wait(expected_handle), found = split_->wait(handle);
        ASSERT_EQ(found.size(), expected.size());
        for (std::size_t i = 0; i < found.size(); ++i) {
            EXPECT_EQ(found[i].token, expected[i].token);
            EXPECT_EQ(found[i].logprob, expected[i].logprob);
        }
        step({{0, last, 1}, {1, last, 1}, {2, last, 1}}, 3);
    }
}

// What was sampled must matter, or the test above proves nothing about it.
TEST_P(Split, TheLastSampledTokenIsTheOneThatFeedsTheNextStep) {
    const std::vector<BlockId> blocks{0, 1};
    const TokenId start = 3, last = kTokenFromLastSample;
    const std::int32_t wanted = 0;
    const Segment beginning{2, 0, 1, 0, blocks, blocks}, next{2, 0, 1, 1, blocks, blocks};
    forward({{&start, 1}, {&beginning, 1}, {&wanted, 1}});
    SampleRow row;
    row.slot = 2;
    row.parameters.temperature = 0;
    const TokenId sampled = split_->wait(split_->sample({&row, 1}))[0].token;
    split_->forward({{&last, 1}, {&next, 1}, {&wanted, 1}});
    const TokenId other = (sampled + 1) % kVocabulary;
    std::vector<float> fed_back(kVocabulary), told(kVocabulary), wrong(kVocabulary);
    split_->read_logits(0, fed_back);
    whole_->forward({{&sampled, 1}, {&next, 1}, {&wanted, 1}});
    whole_->read_logits(0, told);
    whole_->forward({{&other, 1}, {&next, 1}, {&wanted, 1}});
    whole_->read_logits(0, wrong);
    EXPECT_EQ(fed_back, told);
    EXPECT_NE(fed_back, wrong);
}

TEST_P(Split, CopiedBlocksAreCopiedInBothHalves) {
    const std::vector<TokenId> tokens = random_tokens(100, 3), other = random_tokens(100, 4);
    const std::vector<BlockId> blocks{0, 1}, elsewhere{3, 4}, copied{0, 2};
    const std::int32_t wanted = 0;
    const auto at = [&](std::int32_t slot, std::int32_t count, std::int32_t position,
                        const std::vector<BlockId>& table) {
        return Segment{slot, 0, count, position, table, table};
    };
    const Segment prompt = at(0, 99, 0, blocks), another = at(1, 99, 0, elsewhere);
    forward({std::span(tokens).first(99), {&prompt, 1}, {}});
    forward({std::span(other).first(99), {&another, 1}, {}});
    for (const Pool pool : {Pool::full, Pool::sliding}) {
        whole_->copy_block(pool, 1, 2);
        split_->copy_block(pool, 1, 2);
    }
    const Segment last = at(0, 1, 99, copied);
    forward({std::span(tokens).last(1), {&last, 1}, {&wanted, 1}});
    const std::vector<float> from_copy = agreed_logits(1);
    const Segment original = at(0, 1, 99, blocks);
    forward({std::span(tokens).last(1), {&original, 1}, {&wanted, 1}});
    EXPECT_EQ(agreed_logits(1), from_copy);
}

TEST_P(Split, SaysWhatIsWhereAndHoldsNothingTwice) {
    const std::int32_t first = std::get<1>(GetParam());
    EXPECT_EQ(split_->info().placement, "layers 0-" + std::to_string(first - 1) + " on the CPU, layers " +
                                            std::to_string(first) + "-4 and head on the CPU");
    EXPECT_FALSE(split_->info().asynchronous);
    // Each half has activations of its own, and nothing else is there twice: so where the cut is changes
    // nothing. The reference keeps no activations.
    const std::int64_t whole = whole_->info().claimed_bytes, split = split_->info().claimed_bytes;
    if (std::get<0>(GetParam())) {
        EXPECT_EQ(split, whole);
    } else {
        EXPECT_GT(split, whole);
        EXPECT_EQ(split, make_split(first == 1 ? 2 : 1)->info().claimed_bytes);
    }
}

std::string name_of(const testing::TestParamInfo<Split::ParamType>& given) {
    return std::string(std::get<0>(given.param) ? "Reference" : "Fast") + "From" +
           std::to_string(std::get<1>(given.param));
}
INSTANTIATE_TEST_SUITE_P(EveryLayer, Split,
                         testing::Combine(testing::Values(false), testing::Range(1, kLayers)), name_of);
// One cut: the exact path is slow, and hands its rows over as the fast one does.
INSTANTIATE_TEST_SUITE_P(OneLayer, Split, testing::Combine(testing::Values(true), testing::Values(2)),
                         name_of);

}  // namespace
}  // namespace gptoss::backend::test

// Norm, SwiGLU, attention over one block, the KV formats and the router, against what they are defined as.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "backend/cpu/kv_element.h"
#include "backend/cpu/router.h"
#include "kernel_sets.h"

namespace gptoss::backend::cpu {
namespace {

std::vector<float> random_floats(std::size_t count, float spread, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, spread);
    std::vector<float> values(count);
    for (float& value : values) value = normal(random);
    return values;
}

TEST(Norm, IsTheRootMeanSquareTimesTheGain) {
    for (const std::int32_t count : {2880, 128, 45}) {
        const std::vector<float> x = random_floats(count, 300, 1), gain = random_floats(count, 1, 2);
        double squares = 0;
        for (const float value : x) squares += double{value} * value;
        const double scale = 1 / std::sqrt(squares / count + 1e-5);
        for (const Kernels* kernels : test::available_kernels()) {
            std::vector<float> out(count);
            kernels->rms_norm(x.data(), gain.data(), count, 1e-5F, out.data());
            for (std::int32_t i = 0; i < count; ++i)
                ASSERT_NEAR(out[i], x[i] * scale * gain[i], 2e-6 * std::abs(x[i] * scale * gain[i]))
                    << kernels->name;
        }
    }
}

TEST(Norm, OfATinyRowIsHeldByEpsilon) {
    const std::vector<float> x(64, 1e-6F), gain(64, 1);
    std::vector<float> out(64);
    for (const Kernels* kernels : test::available_kernels()) {
        kernels->rms_norm(x.data(), gain.data(), 64, 1e-5F, out.data());
        EXPECT_NEAR(out[5], 1e-6 / std::sqrt(1e-12 + 1e-5), 1e-9);
    }
}

TEST(Swiglu, ClampsTheGateAboveAndUpOnBothSides) {
    std::vector<float> gate, up;
    for (float a = -60; a <= 12; a += 0.37F)
        for (float b = -9; b <= 9; b += 1.5F) {
            gate.push_back(a);
            up.push_back(b);
        }
    gate.resize(gate.size() / 16 * 16);
    gate[0] = -1e30F;  // far below everything exp() can take
    for (const Kernels* kernels : test::available_kernels()) {
        std::vector<float> out(gate.size());
        kernels->swiglu(gate.data(), up.data(), static_cast<std::int32_t>(gate.size()), out.data());
        for (std::size_t i = 1; i < gate.size(); ++i) {
            const double a = std::min(gate[i], 7.0F), b = std::clamp(up[i], -7.0F, 7.0F);
            const double expected = a / (1 + std::exp(-1.702 * a)) * (b + 1);
            // e^x of a large x has the rounding of x times x.
            ASSERT_NEAR(out[i], expected, 1e-5 * std::abs(expected) + 1e-30) << gate[i] << " " << up[i];
        }
        EXPECT_NEAR(out[0], 0, 1e-5);
    }
}

struct Reference {
    std::vector<double> output = std::vector<double>(kHeadSize);
    double sum = 0;
};

TEST(AttendBlock, WeighsValuesByTheSoftmaxOfVisibleScores) {
    const std::vector<float> keys = random_floats(64 * 64, 100, 1), values = random_floats(64 * 64, 100, 2);
    std::vector<float> key_scales = random_floats(64, 1, 3), value_scales = random_floats(64, 1, 4);
    for (float& scale : key_scales) scale = 0.001F * (1 + std::abs(scale));
    for (float& scale : value_scales) scale = 0.01F * (1 + std::abs(scale));
    const std::vector<float> queries = random_floats(4 * 64, 1, 5);
    const KvView block{keys.data(), values.data(), key_scales.data(), value_scales.data()};
    for (const Kernels* kernels : test::available_kernels())
        for (std::int32_t heads = 1; heads <= kHeadTile; ++heads)
            for (const auto& [first, last] :
                 std::vector<std::pair<int, int>>{{0, 63}, {0, 0}, {17, 40}, {63, 63}}) {
                std::vector<AttentionState> states(heads, {{}, -std::numeric_limits<float>::infinity(), 0});
                const float* query_rows[kHeadTile];
                AttentionState* state_rows[kHeadTile];
                for (int h = 0; h < heads; ++h) {
                    query_rows[h] = &queries[h * 64];
                    state_rows[h] = &states[h];
                }
                // Twice over the same keys in two pieces: the second call must rescale what the first left.
                kernels->attend_block(query_rows, heads, block, first, (first + last) / 2, state_rows);
                if ((first + last) / 2 < last)
                    kernels->attend_block(query_rows, heads, block, (first + last) / 2 + 1, last, state_rows);
                for (int h = 0; h < heads; ++h) {
                    Reference expected;
                    for (int j = first; j <= last; ++j) {
                        double score = 0;
                        for (int d = 0; d < 64; ++d) score += double{queries[h * 64 + d]} * keys[d * 64 + j];
                        const double weight = std::exp(score * key_scales[j]);
                        expected.sum += weight;
                        for (int d = 0; d < 64; ++d)
                            expected.output[d] += weight * values[j * 64 + d] * value_scales[j];
                    }
                    const double rescale = std::exp(states[h].maximum) / expected.sum;
                    EXPECT_NEAR(states[h].sum * rescale, 1, 1e-5) << kernels->name;
                    for (int d = 0; d < 64; ++d)
                        ASSERT_NEAR(states[h].output[d] * rescale, expected.output[d] / expected.sum, 2e-5)
                            << kernels->name << " heads " << heads << " keys " << first << ".." << last;
                }
            }
}

class KvFormat : public testing::TestWithParam<model::KvType> {};

TEST_P(KvFormat, GivesBackKeysAndValuesWhereTheyBelong) {
    const double step =
        GetParam() == model::KvType::f8 ? 1.0 / 254 : 1.0 / 65534;  // half a step, of the largest
    std::vector<std::byte> keys(kv_head_bytes(GetParam())), values(kv_head_bytes(GetParam()));
    const std::vector<float> key_rows = random_floats(64 * 64, 5, 1),
                             value_rows = random_floats(64 * 64, 0.1F, 2);
    for (std::int32_t place = 0; place < 64; ++place) {
        store_kv(GetParam(), KvRole::key, &key_rows[place * 64], place, keys.data());
        store_kv(GetParam(), KvRole::value, &value_rows[place * 64], place, values.data());
    }
    for (const Kernels* kernels : test::available_kernels()) {
        std::vector<float> key_integers(4096), value_integers(4096);
        const float* key_scales = load_kv(*kernels, GetParam(), keys.data(), key_integers.data());
        const float* value_scales = load_kv(*kernels, GetParam(), values.data(), value_integers.data());
        for (int place = 0; place < 64; ++place) {
            float largest_key = 0, largest_value = 0;
            for (int d = 0; d < 64; ++d) {
                largest_key = std::max(largest_key, std::abs(key_rows[place * 64 + d]));
                largest_value = std::max(largest_value, std::abs(value_rows[place * 64 + d]));
            }
            for (int d = 0; d < 64; ++d) {
                ASSERT_NEAR(key_integers[d * 64 + place] * key_scales[place], key_rows[place * 64 + d],
                            1.01 * step * largest_key);
                ASSERT_NEAR(value_integers[place * 64 + d] * value_scales[place], value_rows[place * 64 + d],
                            1.01 * step * largest_value);
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(, KvFormat,
                         testing::Values(model::KvType::bf16, model::KvType::f16, model::KvType::f8));

TEST(Router, ChoosesTheLargestAndSharesTheirSoftmax) {
    constexpr std::int32_t kExperts = 32, kUsed = 4, kRows = 50;
    const std::vector<float> scores = random_floats(kExperts * kRows, 2, 1);
    const Routing routing = route(scores, kExperts, kUsed);
    ASSERT_EQ(routing.assignments.size(), std::size_t{kRows} * kUsed);
    std::vector<std::vector<std::pair<std::int32_t, Assignment>>> by_row(kRows);
    for (std::int32_t expert = 0; expert < kExperts; ++expert) {
        std::int32_t last_row = -1;
        for (const Assignment& assignment : routing.of_expert(expert)) {
            EXPECT_GT(assignment.row, last_row) << "rows of an expert must ascend";
            last_row = assignment.row;
            by_row[assignment.row].push_back({expert, assignment});
        }
    }
    for (std::int32_t row = 0; row < kRows; ++row) {
        const float* own = &scores[row * kExperts];
        std::vector<std::int32_t> order(kExperts);
        std::iota(order.begin(), order.end(), 0);
        std::ranges::stable_sort(order, std::greater<>(), [&](std::int32_t e) { return own[e]; });
        double sum = 0;
        for (int i = 0; i < kUsed; ++i) sum += std::exp(double{own[order[i]]});
        ASSERT_EQ(by_row[row].size(), std::size_t{kUsed});
        for (const auto& [expert, assignment] : by_row[row]) {
            const auto place = std::ranges::find(order, expert) - order.begin();
            EXPECT_EQ(assignment.place, place);
            EXPECT_NEAR(assignment.weight, std::exp(double{own[expert]}) / sum, 1e-6);
        }
    }
}

TEST(Router, TakesTheLowestNumberOnTiesAndNumbersBeforeNotANumber) {
    const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
    const auto chosen = [](std::vector<float> scores) {
        const Routing routing = route(scores, static_cast<std::int32_t>(scores.size()), 2);
        std::vector<std::int32_t> experts;
        for (std::int32_t expert = 0; expert < static_cast<std::int32_t>(scores.size()); ++expert)
            for (const Assignment& assignment : routing.of_expert(expert)) {
                EXPECT_TRUE(std::isfinite(assignment.weight));
                experts.push_back(expert);
            }
        return experts;
    };
    EXPECT_EQ(chosen({1, 3, 3, 3}), (std::vector<std::int32_t>{1, 2}));
    EXPECT_EQ(chosen({nan, 1, nan, -5}), (std::vector<std::int32_t>{1, 3}));
    EXPECT_EQ(chosen({nan, nan, nan}), (std::vector<std::int32_t>{0, 1}));
    EXPECT_EQ(chosen({-infinity, infinity, 0}), (std::vector<std::int32_t>{1, 2}));
}

}  // namespace
}  // namespace gptoss::backend::cpu

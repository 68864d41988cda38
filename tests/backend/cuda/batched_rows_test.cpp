// The routing and the norms of the prompt path against slow references in double.
#include "backend/cuda/batched_rows.h"

#include <algorithm>
#include <numeric>

#include "backend/cuda/batched_routing.h"
#include "backend/cuda/batched_support.h"
#include "backend/cuda/routed_rows.h"

namespace gptoss::backend::cuda::test {
namespace {

class BatchedRowsTest : public backend::test::GpuTest {
  protected:
    void SetUp() override {
        GpuTest::SetUp();
        if (!IsSkipped()) prepare_routing();
    }
};

// In order every number of rows gives a row the same sums: as one of all and as one of the first few.
TEST_F(BatchedRowsTest, RoutingInOrderHasTheSameBitsForAnyNumberOfRows) {
    for (const auto& [hidden, experts] : {std::pair{2880, 128}, {2880, 32}, {192, 100}}) {
        constexpr std::int32_t kMost = 8200;
        const DeviceVector<float> residual(random_floats(std::size_t{kMost} * hidden, 20.0F, 1));
        const RouterWeights weights(hidden, experts);
        struct Routed {
            std::vector<float> logits, weights;
            std::vector<__half> normalised;
        };
        const auto routed = [&](std::int32_t rows) {
            const RoutedRows found(rows, weights);
            Routing r = found.routing(residual, weights);
            r.in_order = true;
            launch_routing(r, nullptr);
            return Routed{found.logits.read(), found.weights.read(), found.normalised.read()};
        };
        const Routed few = routed(kFewRoutedRows);
        for (const std::int32_t rows : {1, 5, 769, 1024, 2048, 4300, kMost}) {
            const Routed many = routed(rows);
            EXPECT_EQ(differences(many.logits, few.logits), 0) << rows << " rows, " << experts << " experts";
            EXPECT_EQ(differences(many.weights, few.weights), 0)
                << rows << " rows, " << experts << " experts";
            EXPECT_EQ(differences(many.normalised, few.normalised), 0)
                << rows << " rows, " << experts << " experts";
        }
    }
}

TEST_F(BatchedRowsTest, RoutingMatchesReference) {
    for (const auto& [rows, hidden, experts] :
         {std::tuple{1, 128, 8}, std::tuple{4, 2880, 128}, std::tuple{5, 2880, 128},
          std::tuple{75, 2880, 128}, std::tuple{700, 256, 32}, std::tuple{4300, 128, 128},
          std::tuple{4225, 192, 32}}) {
        const std::vector<float> residual = random_floats(std::size_t(rows) * hidden, 20.0F, 1);
        const RouterWeights from(hidden, experts);
        const std::vector<float> gain = from.gain.read(), router = from.router.read(),
                                 bias = from.bias.read();
        const DeviceVector<float> d_residual(residual);
        const RoutedRows found(rows, from);
        // Both orders of columns, sums in order and not, whole tiles and small ones.
        for (const auto& [order, in_order, tile_tokens] :
             {std::tuple{ActivationOrder::nibbles, false, kMaxTileTokens},
              std::tuple{ActivationOrder::sequential, false, 16},
              std::tuple{ActivationOrder::nibbles, true, 8},
              std::tuple{ActivationOrder::sequential, true, kMaxTileTokens}}) {
            Routing r = found.routing(d_residual, from);
            r.order = order;
            r.tile_tokens = tile_tokens;
            r.in_order = in_order && hidden % kRouterChunk == 0;
            launch_routing(r, nullptr);
            const auto found_normalised = found.normalised.read();
            const auto found_logits = found.logits.read();
            const auto found_choices = found.choices.read();
            const auto found_weights = found.weights.read();
            const auto found_pairs = found.pairs.read();
            const GroupList list = found.groups.read()[0];

            std::vector<double> norm, norm_found, logit;
            for (std::int32_t t = 0; t < rows; ++t) {
                double squares = 0;
                for (std::int32_t k = 0; k < hidden; ++k)
                    squares += double{residual[t * hidden + k]} * residual[t * hidden + k];
                const double inverse = 1.0 / std::sqrt(squares / hidden + 1e-5);
                std::vector<double> row(hidden);
                for (std::int32_t k = 0; k < hidden; ++k) {
                    row[k] = residual[t * hidden + k] * inverse * gain[k];
                    norm.push_back(row[k]);
                    norm_found.push_back(
                        __half2float(found_normalised[std::size_t(t) * hidden + stored_column(order, k)]));
                }
                for (std::int32_t e = 0; e < experts; ++e) {
                    double sum = bias[e];
                    for (std::int32_t k = 0; k < hidden; ++k) sum += row[k] * router[e * hidden + k];
                    logit.push_back(sum);
                }
                std::vector<std::int32_t> best(experts);
                std::iota(best.begin(), best.end(), 0);
                std::ranges::stable_sort(best, [&](int a, int b) {
                    return found_logits[t * experts + a] > found_logits[t * experts + b];
                });
                double total = 0;
                for (int k = 0; k < kExpertsPerToken; ++k)
                    total += std::exp(logit[t * experts + best[k]] - logit[t * experts + best[0]]);
                for (int k = 0; k < kExpertsPerToken; ++k) {
                    EXPECT_EQ(found_choices[t * kExpertsPerToken + k], best[k]);
                    EXPECT_NEAR(found_weights[t * kExpertsPerToken + k],
                                std::exp(logit[t * experts + best[k]] - logit[t * experts + best[0]]) / total,
                                1e-4);
                }
            }
            EXPECT_LT(relative_error(norm, norm_found), kHalfRounding);
            EXPECT_LT(relative_error(logit, {found_logits.begin(), found_logits.end()}), 3e-6);

            // Every pair once, by expert, ascending; groups cover them and the largest comes first.
            std::int32_t covered = 0, tiles = 0, largest = rows * kExpertsPerToken;
            for (std::int32_t i = 0; i < list.group_count; ++i) {
                const TokenGroup& group = list.groups[i];
                EXPECT_EQ(group.first_row, covered);
                EXPECT_EQ(group.first_tile, tiles);
                EXPECT_LE(group.row_count, largest);
                EXPECT_EQ(group.tile_count, (group.row_count + group.tile_rows - 1) / group.tile_rows);
                EXPECT_LE(group.tile_rows, tile_tokens);
                for (std::int32_t j = 0; j < group.row_count; ++j) {
                    EXPECT_EQ(found_choices[found_pairs[covered + j]], group.expert);
                    if (j > 0) {
                        EXPECT_LT(found_pairs[covered + j - 1], found_pairs[covered + j]);
                    }
                }
                covered += group.row_count;
                tiles += group.tile_count;
                largest = group.row_count;
            }
            EXPECT_EQ(covered, rows * kExpertsPerToken);
            EXPECT_EQ(list.tile_count, tiles);
        }
    }
}

TEST_F(BatchedRowsTest, RowNormAddsExpertsFirst) {
    constexpr std::int32_t kRows = 9, kHidden = 2880;
    const std::vector<float> before = random_floats(std::size_t{kRows} * kHidden, 2.0F, 1),
                             gain = random_floats(kHidden, 1.0F, 2);
    const std::vector<float> outputs =
        random_floats(std::size_t{kRows} * kExpertsPerToken * kHidden, 0.1F, 3);
    std::vector<__half> halves(outputs.size());
    std::ranges::transform(outputs, halves.begin(), [](float v) { return __float2half(v); });
    const DeviceVector<float> residual(before), d_gain(gain);
    const DeviceVector<__half> d_outputs(halves), normalised(std::size_t{kRows} * kHidden);
    const std::vector<std::int32_t> sources = {7, 2, 4};
    const DeviceVector<std::int32_t> d_sources(sources);
    RowNorm norm;
    norm.residual = residual.get();
    norm.expert_outputs = d_outputs.get();
    norm.gain = d_gain.get();
    norm.normalised = normalised.get();
    norm.sources = d_sources.get();
    norm.row_count = 3;
    norm.hidden = kHidden;
    norm.epsilon = 1e-5F;
    launch_row_norm(norm, nullptr);
    const auto after = residual.read();
    const auto found = normalised.read();
    std::vector<double> reference, reference_found, sums, sums_found;
    for (std::int32_t i = 0; i < 3; ++i) {
        double squares = 0;
        std::vector<double> row(kHidden);
        for (std::int32_t k = 0; k < kHidden; ++k) {
            row[k] = before[sources[i] * kHidden + k];
            for (int e = 0; e < kExpertsPerToken; ++e)
                row[k] += double{__half2float(
                              halves[(std::size_t(sources[i]) * kExpertsPerToken + e) * kHidden + k])} /
                          kExpertOutputScale;
            squares += row[k] * row[k];
            sums.push_back(row[k]);
            sums_found.push_back(after[sources[i] * kHidden + k]);
        }
        for (std::int32_t k = 0; k < kHidden; ++k) {
            reference.push_back(row[k] / std::sqrt(squares / kHidden + 1e-5) * gain[k]);
            reference_found.push_back(__half2float(
                found[std::size_t(i) * kHidden + stored_column(ActivationOrder::sequential, k)]));
        }
    }
    EXPECT_LT(relative_error(sums, sums_found), 1e-6);
    EXPECT_LT(relative_error(reference, reference_found), kHalfRounding);
    EXPECT_EQ(after[0], before[0]);  // rows that were not named are left alone
}

}  // namespace
}  // namespace gptoss::backend::cuda::test

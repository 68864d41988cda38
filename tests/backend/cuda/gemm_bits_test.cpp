// Products of one chain (MatrixPlan::one_chain): the same bits of every sum from every kernel, for any number of tokens.
#include <algorithm>

#include "backend/cuda/batched_support.h"

namespace gptoss::backend::cuda::test {
namespace {

class OneChain : public backend::test::GpuTest {
  protected:
    void SetUp() override {
        GpuTest::SetUp();
        if (IsSkipped()) return;
        device = current_device_traits();
        prepare_gemm();
    }
    DeviceTraits device;
};

std::vector<__half> random_halves(std::size_t count) {
    std::vector<__half> halves;
    for (const float value : random_floats(count, 1.0F, 2)) halves.push_back(__float2half(value));
    return halves;
}

TEST_F(OneChain, DenseProducts) {
    constexpr std::int32_t kMost = 300;
    for (const WeightFormat type :
         {WeightFormat::q8_0, WeightFormat::bf16, WeightFormat::f16, WeightFormat::mxfp4})
        for (const auto& [rows, columns] :
             {std::pair{2880, 4096}, std::pair{5120, 2880}, std::pair{80, 192}}) {
            const RandomMatrix matrix(type, rows, columns, 1);
            const DeviceVector<__half> activations(
                random_halves(static_cast<std::size_t>(kMost) * static_cast<std::size_t>(columns)));
            const DeviceVector<__half> unpacked(static_cast<std::size_t>(unpacked_count(rows, columns)));
            const auto sums = [&](MatrixKernel kernel, std::int32_t tokens) {
                const DeviceVector<float> output(static_cast<std::size_t>(tokens) *
                                                 static_cast<std::size_t>(rows));
                GemmProblem problem;
                problem.unpacked = unpacked.get();
                problem.weights = matrix.matrix;
                problem.activations = activations.get();
                problem.row_count = tokens;
                problem.epilogue.kind = Epilogue::logits;
                problem.epilogue.output = output.get();
                problem.epilogue.output_stride = problem.epilogue.output_columns = rows;
                launch_gemm(problem, plan_with(kernel, tokens, rows, 1, device), device.sm_count, nullptr);
                return output.read();
            };
            const std::vector<float> expected = sums(MatrixKernel::mma, kMost);
            for (const std::int32_t tokens : {1, 5, 8, 9, 16, 17, 64, 129, kMost})
                for (const MatrixKernel kernel : {MatrixKernel::mma, MatrixKernel::wgmma,
                                                  MatrixKernel::wgmma_unpacked, MatrixKernel::row_streamed}) {
                    if (is_wgmma(kernel) && !device.has_wgmma()) continue;
                    if (kernel == MatrixKernel::row_streamed &&
                        (type != WeightFormat::q8_0 || tokens > kRowStreamTokens ||
                         row_streamed_shared_bytes(columns, kRowStreamTokens) >
                             device.shared_bytes_per_block))
                        continue;
                    EXPECT_EQ(differences(sums(kernel, tokens), expected), 0)
                        << name_of(kernel) << ", " << rows << " x " << columns << ", " << tokens << " tokens";
                }
        }
}

// Tiles of every size that wgmma_unpacked has code for, with tokens and rows that leave a rest.
TEST_F(OneChain, UnpackedTilesOfEverySize) {
    if (!device.has_wgmma()) GTEST_SKIP() << "wgmma is Hopper's alone";
    constexpr std::int32_t kTokens = 2100, kRows = 2880 + 48, kColumns = 2880;
    const RandomMatrix matrix(WeightFormat::q8_0, kRows, kColumns, 1);
    const DeviceVector<__half> activations(random_halves(std::size_t{kTokens} * kColumns));
    const DeviceVector<__half> unpacked(static_cast<std::size_t>(unpacked_count(kRows, kColumns)));
    const auto sums = [&](const MatrixPlan& plan) {
        const DeviceVector<float> output(std::size_t{kTokens} * kRows);
        GemmProblem problem;
        problem.weights = matrix.matrix;
        problem.activations = activations.get();
        problem.unpacked = unpacked.get();
        problem.row_count = kTokens;
        problem.epilogue.kind = Epilogue::logits;
        problem.epilogue.output = output.get();
        problem.epilogue.output_stride = problem.epilogue.output_columns = kRows;
        launch_gemm(problem, plan, device.sm_count, nullptr);
        return output.read();
    };
    const std::vector<float> expected = sums(plan_with(MatrixKernel::wgmma, kTokens, kRows, 1, device));
    for (const auto& [rows, tokens] : {std::pair{128, 128}, {192, 128}, {192, 192}}) {
        MatrixPlan plan = plan_with(MatrixKernel::wgmma_unpacked, kTokens, kRows, 1, device);
        plan.tile_weight_rows = rows;
        plan.tile_tokens = tokens;
        EXPECT_EQ(differences(sums(plan), expected), 0) << rows << " x " << tokens;
    }
}

// Rows of seven experts, as the router would sort them.
GroupList groups_of(const std::vector<std::int32_t>& counts, std::int32_t tile_tokens) {
    GroupList list;
    std::int32_t first_row = 0;
    for (std::size_t expert = 0; expert < counts.size(); ++expert) {
        const std::int32_t rows = counts[expert], tiles = (rows + tile_tokens - 1) / tile_tokens;
        list.groups[list.group_count++] =
            TokenGroup{static_cast<std::int32_t>(expert),
                       first_row,
                       rows,
                       std::min(tile_rows_for((rows + tiles - 1) / tiles), tile_tokens),
                       tiles,
                       list.tile_count};
        first_row += rows;
        list.tile_count += tiles;
    }
    return list;
}

TEST_F(OneChain, ProductsOfExperts) {
    const std::vector<std::int32_t> counts{1, 5, 8, 9, 16, 33, 100};
    constexpr std::int32_t kPairs = 172, kRowsOfExpert = 192 + 32, kColumns = 2880;
    const auto experts = static_cast<std::int32_t>(counts.size());
    const RandomMatrix matrix(WeightFormat::mxfp4, kRowsOfExpert * experts, kColumns, 1);
    const DeviceVector<__half> activations(random_halves(std::size_t{kPairs} * kColumns));
    const auto sums = [&](MatrixKernel kernel, std::int32_t tile_tokens = 0) {
        MatrixPlan plan = plan_with(kernel, kPairs, kRowsOfExpert * experts, experts, device);
        plan.one_chain = true;
        if (tile_tokens > 0) plan.tile_tokens = tile_tokens;
        const DeviceVector<GroupList> groups(std::vector<GroupList>{groups_of(counts, plan.tile_tokens)});
        const DeviceVector<float> output(std::size_t{kPairs} * kRowsOfExpert);
        GemmProblem problem;
        problem.weights = matrix.matrix;
        problem.experts = experts;
        problem.activations = activations.get();
        problem.groups = groups.get();
        problem.row_count = kPairs;
        problem.epilogue.kind = Epilogue::logits;
        problem.epilogue.output = output.get();
        problem.epilogue.output_stride = problem.epilogue.output_columns = kRowsOfExpert;
        launch_gemm(problem, plan, device.sm_count, nullptr);
        return output.read();
    };
    const std::vector<float> expected = sums(MatrixKernel::mma);
    for (const MatrixKernel kernel :
         {MatrixKernel::wgmma, MatrixKernel::streamed, MatrixKernel::streamed_small}) {
        if (is_wgmma(kernel) && !device.has_wgmma()) continue;
        if (is_streamed(kernel) && !streamed_fits(kernel, kColumns, device)) continue;
        EXPECT_EQ(differences(sums(kernel), expected), 0) << name_of(kernel);
    }
    if (!device.has_wgmma()) return;
    for (const std::int32_t tile_tokens : {kFewTileTokens, 64, kMaxTileTokens})
        EXPECT_EQ(differences(sums(MatrixKernel::wgmma, tile_tokens), expected), 0)
            << "wgmma, tiles of " << tile_tokens;
}

}  // namespace
}  // namespace gptoss::backend::cuda::test

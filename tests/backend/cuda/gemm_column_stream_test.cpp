// The dense product whose warps share the columns, against sums in double.
#include "backend/cuda/batched_support.h"

namespace gptoss::backend::cuda::test {
namespace {

class ColumnStreamTest : public backend::test::GpuTest {};

TEST_F(ColumnStreamTest, AddsEveryColumnOfEveryTokenToTheResidual) {
    prepare_gemm();
    const DeviceTraits device = current_device_traits();
    // Of the published widths; of columns that leave warps without any; of more tiles than blocks, and fewer.
    for (const auto& [rows, columns] :
         {std::pair{2880, 4096}, std::pair{5120, 2880}, std::pair{80, 192}, std::pair{64, 3136}}) {
        const RandomMatrix matrix(WeightFormat::q8_0, rows, columns, 1);
        for (const std::int32_t tokens : {1, 8, 9, 16, 17, 70}) {
            const std::size_t sums = static_cast<std::size_t>(tokens) * static_cast<std::size_t>(rows);
            std::vector<__half> halves;
            for (const float value : random_floats(static_cast<std::size_t>(tokens * columns), 1.0F, 2))
                halves.push_back(__float2half(value));
            const std::vector<float> before = random_floats(sums, 3.0F, 3),
                                     bias = random_floats(static_cast<std::size_t>(rows), 1.0F, 4);
            const DeviceVector<__half> activations(halves);
            const DeviceVector<float> residual(before), device_bias(bias);
            GemmProblem problem;
            problem.weights = matrix.matrix;
            problem.activations = activations.get();
            problem.row_count = tokens;
            problem.epilogue.kind = Epilogue::residual;
            problem.epilogue.bias = device_bias.get();
            problem.epilogue.output = residual.get();
            problem.epilogue.output_stride = rows;
            const MatrixPlan plan = plan_with(MatrixKernel::column_streamed, tokens, rows, 1, device);
            launch_gemm(problem, plan, device.sm_count, nullptr);
            const std::vector<float> found = residual.read();
            std::vector<double> reference, compared;
            for (std::int32_t token = 0; token < tokens; ++token)
                for (std::int32_t row = 0; row < rows;
                     row += 7) {  // every place of a tile, and less to wait for
                    double sum = before[static_cast<std::size_t>(token * rows + row)] +
                                 double{bias[static_cast<std::size_t>(row)]};
                    for (std::int32_t column = 0; column < columns; ++column)
                        sum += double{matrix.floats[std::int64_t{row} * columns + column]} *
                               __half2float(halves[static_cast<std::size_t>(
                                   token * columns +
                                   stored_column(activation_order(WeightFormat::q8_0), column))]);
                    reference.push_back(sum);
                    compared.push_back(found[static_cast<std::size_t>(token * rows + row)]);
                }
            EXPECT_LT(relative_error(reference, compared), 3e-4)
                << rows << " x " << columns << ", " << tokens << " tokens";

            cuda_check(
                cudaMemcpy(residual.get(), before.data(), sums * sizeof(float), cudaMemcpyHostToDevice));
            launch_gemm(problem, plan, device.sm_count, nullptr);
            EXPECT_EQ(residual.read(), found) << "the same bits again";
        }
    }
}

}  // namespace
}  // namespace gptoss::backend::cuda::test

#include <algorithm>

#include "backend/cuda/cuda_device.h"
#include "backend/cuda/gemm.h"
#include "backend/cuda/gemm_row_stream.cuh"
#include "backend/cuda/gemm_stream.cuh"
#include "backend/cuda/launch.cuh"
#include "base/check.h"

namespace gptoss::backend::cuda {

// gemm_mxfp4.cu and its like.
template <WeightFormat type>
void launch_tiled_gemm(const GemmProblem& problem, const MatrixPlan& plan, std::int32_t sm_count,
                       cudaStream_t stream);
template <WeightFormat type>
void prepare_tiled_gemm(bool has_wgmma);

// gemm_unpacked.cu
void launch_unpacked_gemm(const GemmProblem& problem, const MatrixPlan& plan, std::int32_t sm_count,
                          cudaStream_t stream);
void prepare_unpacked_gemm();

// gemm_tile_stream.cu
void launch_tile_stream_gemm(const GemmProblem& problem, const MatrixPlan& plan, std::int32_t sm_count,
                             cudaStream_t stream);
void prepare_tile_stream_gemm();

// gemm_column_stream.cu
void launch_column_stream_gemm(const GemmProblem& problem, std::int32_t sm_count, cudaStream_t stream);
void prepare_column_stream_gemm();

namespace {

// 16 warps, three K-tiles each, and 8 or 16 tokens; or what fits in the 99 KB of a workstation card.
using LargeStream = StreamGemm<16, 3>;
constexpr int kManyRowTiles = 16;  // an SM
using SmallStream = StreamGemm<12, 2>;

int stream_bytes(MatrixKernel kernel, std::int32_t columns, std::int32_t tile_tokens) {
    const int bytes = kernel == MatrixKernel::streamed ? LargeStream::shared_bytes(columns, tile_tokens)
                                                       : SmallStream::shared_bytes(columns, tile_tokens);
    check(bytes == streamed_shared_bytes(kernel, columns, tile_tokens), "the plan knows what a kernel takes");
    return bytes;
}

}  // namespace

void prepare_gemm() {
    const DeviceTraits device = current_device_traits();
    const auto allow = [](auto kernel, int bytes) {
        cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
        prefer_shared_memory(kernel);
    };
    for_each_weight_format([&](auto type) { prepare_tiled_gemm<decltype(type)::value>(device.has_wgmma()); });
    if (device.has_wgmma()) prepare_unpacked_gemm();
    if (device.compute_major >= 9) prepare_tile_stream_gemm();
    prepare_column_stream_gemm();
    allow(gemm_stream_kernel<16, 3, false>, device.shared_bytes_per_block);
    allow(gemm_stream_kernel<16, 3, true>, device.shared_bytes_per_block);
    allow(gemm_stream_kernel<12, 2, false>, device.shared_bytes_per_block);
    allow(gemm_stream_kernel<12, 2, true>, device.shared_bytes_per_block);
    allow(gemm_row_stream_kernel<8>, device.shared_bytes_per_block);
    allow(gemm_row_stream_kernel<16>, device.shared_bytes_per_block);
}

void launch_gemm(const GemmProblem& problem, const MatrixPlan& plan, std::int32_t sm_count,
                 cudaStream_t stream) {
    const DeviceMatrix& w = problem.weights;
    check(w.columns % kPanelColumns == 0, "columns come in whole 64s");
    check(w.rows % problem.experts == 0, "experts have equal rows");
    const std::int32_t rows_of_expert = w.rows / problem.experts;
    check(rows_of_expert % 8 == 0, "rows of an expert come in whole 8s");
    if (problem.row_count == 0) return;
    if (is_streamed(plan.kernel)) {
        check(problem.groups != nullptr && w.type == WeightFormat::mxfp4 &&
                  rows_of_expert % LargeStream::kRows == 0,
              "mxfp4 experts of whole tiles");
        if (is_streamed_in_tiles(plan.kernel)) {
            launch_tile_stream_gemm(problem, plan, sm_count, stream);
            return;
        }
        const int bytes = stream_bytes(plan.kernel, w.columns, plan.tile_tokens);
        const bool large = plan.kernel == MatrixKernel::streamed;
        const auto kernel =
            large ? plan.one_chain ? gemm_stream_kernel<16, 3, true> : gemm_stream_kernel<16, 3, false>
            : plan.one_chain ? gemm_stream_kernel<12, 2, true>
                             : gemm_stream_kernel<12, 2, false>;
        launch_pdl(kernel, dim3(static_cast<unsigned>(sm_count)),
                   large ? LargeStream::kThreads : SmallStream::kThreads, bytes, stream, problem,
                   plan.tile_tokens);
        return;
    }
    if (plan.kernel == MatrixKernel::wgmma_unpacked) {
        launch_unpacked_gemm(problem, plan, sm_count, stream);
        return;
    }
    if (plan.kernel == MatrixKernel::column_streamed) {
        launch_column_stream_gemm(problem, sm_count, stream);
        return;
    }
    if (plan.kernel == MatrixKernel::row_streamed) {
        check(problem.groups == nullptr && w.type == WeightFormat::q8_0 && w.rows % kRowStreamRows == 0 &&
                  problem.row_count <= plan.tile_tokens,
              "a q8_0 matrix of whole tiles and one tile of tokens");
        const auto run = [&]<int tokens>() {
            // Many tiles (the head): two blocks an SM, if there is room. Otherwise a block takes more than half of an SM:
            // two would meet on those SMs that the kernel before leaves first.
            const int tiles = w.rows / kRowStreamRows;
            const bool many = tokens == 8 && tiles > kManyRowTiles * sm_count;
            const int most = RowStream<tokens>::shared_bytes(w.columns);
            check(most == row_streamed_shared_bytes(w.columns, tokens), "the plan knows what a kernel takes");
            launch_pdl(gemm_row_stream_kernel<tokens>,
                       dim3(static_cast<unsigned>(std::min(many ? 2 * sm_count : sm_count, tiles))),
                       RowStream<tokens>::kThreads,
                       many ? RowStream<tokens>::shared_bytes(w.columns, problem.row_count) : most, stream,
                       problem);
        };
        plan.tile_tokens == 8 ? run.template operator()<8>() : run.template operator()<16>();
        return;
    }

    with_weight_format(w.type, [&](auto type) {
        launch_tiled_gemm<decltype(type)::value>(problem, plan, sm_count, stream);
    });
}

}  // namespace gptoss::backend::cuda

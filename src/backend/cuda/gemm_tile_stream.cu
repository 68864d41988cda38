#include "backend/cuda/gemm_tile_stream.cuh"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/tensor_map.h"
#include "base/check.h"

namespace gptoss::backend::cuda {

namespace {

template <int most_tokens, bool small>
void launch(const GemmProblem& problem, const MatrixPlan& plan, std::int32_t sm_count, cudaStream_t stream) {
    using Gemm = TileStreamGemm<most_tokens, small>;
    const DeviceMatrix& w = problem.weights;
    check(streamed_shared_bytes(plan.kernel, w.columns, most_tokens) == Gemm::kSharedBytes,
          "the plan knows what a kernel takes");
    BoxedMatrix values{.data = w.values, .rows = w.rows, .columns = w.value_stride_bytes};
    values.box_rows = Gemm::kRows, values.box_columns = 128, values.box_pieces = Gemm::kPieces;
    values.swizzle = CU_TENSOR_MAP_SWIZZLE_128B;
    BoxedMatrix scales{.data = w.scales, .rows = w.rows, .columns = w.scale_stride_bytes};
    scales.box_rows = Gemm::kRows, scales.box_columns = Gemm::kScaleRowBytes;
    launch_pdl(gemm_tile_stream_kernel<most_tokens, small>, dim3(static_cast<unsigned>(sm_count)),
               Gemm::kThreads, Gemm::kSharedBytes, stream, problem,
               TileMaps{map_matrix(values), map_matrix(scales)});
}

}  // namespace

void prepare_tile_stream_gemm() {
    allow_shared_memory(gemm_tile_stream_kernel<8, true>);
    allow_shared_memory(gemm_tile_stream_kernel<8, false>);
    allow_shared_memory(gemm_tile_stream_kernel<kTileStreamTokens, false>);
}

void launch_tile_stream_gemm(const GemmProblem& problem, const MatrixPlan& plan, std::int32_t sm_count,
                             cudaStream_t stream) {
    check(problem.weights.columns == TileStreamGemm<8>::kColumns && plan.tile_tokens <= kTileStreamTokens,
          "the published width, few tokens");
    plan.kernel == MatrixKernel::streamed_tiles_small ? launch<8, true>(problem, plan, sm_count, stream)
    : plan.tile_tokens <= 8                           ? launch<8, false>(problem, plan, sm_count, stream)
                            : launch<kTileStreamTokens, false>(problem, plan, sm_count, stream);
}

}  // namespace gptoss::backend::cuda

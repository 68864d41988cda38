// The tiled products of one weight format: mma, wgmma and wgmma_split_k. A file for each format instantiates them, so
// that they compile side by side.
#pragma once

#include <algorithm>

#include "backend/cuda/gemm.h"
#include "backend/cuda/gemm_warp.cuh"
#include "backend/cuda/gemm_warpgroup.cuh"
#include "backend/cuda/memory.h"

namespace gptoss::backend::cuda {

// launch_gemm()'s part for kernels that are not streamed, and prepare_gemm()'s.
template <PlaneType type>
void launch_tiled_gemm(const GemmProblem& problem, const MatrixPlan& plan, std::int32_t sm_count,
                       cudaStream_t stream) {
    const std::int32_t rows_of_expert = problem.weights.rows / problem.experts;
    const std::int32_t row_tiles = (rows_of_expert + plan.tile_weight_rows - 1) / plan.tile_weight_rows;
    TokenGroup dense;
    std::int64_t tiles = 0;
    if (problem.groups == nullptr) {
        const std::int32_t token_tiles = (problem.row_count + plan.tile_tokens - 1) / plan.tile_tokens;
        dense = TokenGroup{0, 0, problem.row_count, plan.tile_tokens, token_tiles, 0};
        tiles = std::int64_t{token_tiles} * row_tiles;
    } else {
        tiles = std::int64_t{std::min(problem.row_count,
                                      problem.experts + problem.row_count / plan.tile_tokens)} *
                row_tiles;
    }
    const auto blocks = static_cast<unsigned>(std::min<std::int64_t>(tiles, sm_count));
    const auto run = [&]<typename Gemm>(auto kernel) {
        kernel<<<blocks, Gemm::kThreads, Gemm::kSharedBytes, stream>>>(problem, dense);
    };
    if (plan.kernel == MatrixKernel::wgmma_split_k)
        run.template operator()<WarpgroupGemm<type, true>>(gemm_warpgroup_kernel<type, true>);
    else if (plan.kernel == MatrixKernel::wgmma)
        run.template operator()<WarpgroupGemm<type, false>>(gemm_warpgroup_kernel<type, false>);
    else
        run.template operator()<WarpGemm<type>>(gemm_warp_kernel<type>);
    cuda_check(cudaGetLastError());
}

template <PlaneType type>
void prepare_tiled_gemm(bool has_wgmma) {
    const auto allow = [](auto kernel, int bytes) {
        cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
    };
    allow(gemm_warp_kernel<type>, WarpGemm<type>::kSharedBytes);
    if (!has_wgmma) return;
    allow(gemm_warpgroup_kernel<type, false>, WarpgroupGemm<type, false>::kSharedBytes);
    allow(gemm_warpgroup_kernel<type, true>, WarpgroupGemm<type, true>::kSharedBytes);
}

}  // namespace gptoss::backend::cuda

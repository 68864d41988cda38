// The tiled products of one weight format: mma and the kinds of wgmma. A file for each format instantiates them, so
// that they compile side by side.
#pragma once

#include <algorithm>

#include "backend/cuda/gemm.h"
#include "backend/cuda/gemm_cluster.cuh"
#include "backend/cuda/gemm_experts.cuh"
#include "backend/cuda/gemm_warp.cuh"
#include "backend/cuda/gemm_warpgroup.cuh"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/tensor_map.h"
#include "base/check.h"

namespace gptoss::backend::cuda {

// Boxes of a stage's values and of four stages' scales. Throws Error(device_failed).
template <typename Gemm>
ExpertMaps map_experts(const DeviceMatrix& w) {
    BoxedMatrix values{.data = w.values, .rows = w.rows, .columns = w.value_stride_bytes};
    values.box_rows = Gemm::kRows, values.box_columns = Gemm::Weights::kRowBytes;
    values.swizzle = CU_TENSOR_MAP_SWIZZLE_64B;
    BoxedMatrix scales{.data = w.scales, .rows = w.rows, .columns = w.scale_stride_bytes};
    scales.box_rows = Gemm::kRows, scales.box_columns = Gemm::kScaleBytes / Gemm::kRows;
    return {map_matrix(values), map_matrix(scales)};
}

// `tiles`: at most.
template <int most_tokens>
void launch_experts_gemm(const GemmProblem& problem, std::int64_t tiles, std::int32_t sm_count,
                         cudaStream_t stream) {
    using Gemm = ExpertGemm<most_tokens>;
    const auto blocks = static_cast<unsigned>(std::min<std::int64_t>(tiles, sm_count * Gemm::kBlocksAnSm));
    launch_pdl(gemm_experts_kernel<most_tokens>, dim3(blocks), Gemm::kThreads, Gemm::kSharedBytes, stream,
               problem, map_experts<Gemm>(problem.weights));
}

template <WeightFormat type, int most_tokens>
void launch_cluster_gemm(const GemmProblem& problem, const MatrixPlan& plan, const TokenGroup& dense,
                         std::int64_t tiles, cudaStream_t stream) {
    using Gemm = ClusterGemm<type, most_tokens>;
    const int shares = std::min(plan.column_shares, Gemm::stages_of(problem.weights.columns));
    launch_pdl_cluster(gemm_cluster_kernel<type, most_tokens>, dim3(static_cast<unsigned>(tiles * shares)),
                       Gemm::kThreads, Gemm::kSharedBytes, shares, stream, problem, dense);
}

// launch_gemm()'s part for kernels that are not streamed, and prepare_gemm()'s.
template <WeightFormat type>
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
        launch_pdl(kernel, dim3(blocks), Gemm::kThreads, Gemm::kSharedBytes, stream, problem, dense);
    };
    switch (plan.kernel) {
        case MatrixKernel::wgmma_cluster:
            check(problem.groups == nullptr, "a kernel for dense products");
            return plan.tile_tokens <= kClusterTileTokens
                       ? launch_cluster_gemm<type, kClusterTileTokens>(problem, plan, dense, tiles, stream)
                       : launch_cluster_gemm<type, kMaxTileTokens>(problem, plan, dense, tiles, stream);
        case MatrixKernel::wgmma:
            if constexpr (type == WeightFormat::mxfp4)
                if (problem.groups != nullptr)
                    return plan.tile_tokens <= kFewTileTokens
                               ? launch_experts_gemm<kFewTileTokens>(problem, tiles, sm_count, stream)
                               : launch_experts_gemm<kMaxTileTokens>(problem, tiles, sm_count, stream);
            return run.template operator()<WarpgroupGemm<type, kMaxTileTokens>>(gemm_warpgroup_kernel<type>);
        default:
            if (plan.tile_weight_rows == kFewWeightRows)
                return run.template operator()<WarpGemm<type, kFewWeightRows>>(
                    gemm_warp_kernel<type, kFewWeightRows>);
            run.template operator()<WarpGemm<type, kGemmTileRows>>(gemm_warp_kernel<type, kGemmTileRows>);
    }
}

template <WeightFormat type>
void prepare_tiled_gemm(bool has_wgmma) {
    const auto allow = [](auto kernel, int bytes) {
        cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
        prefer_shared_memory(kernel);
    };
    allow(gemm_warp_kernel<type, kGemmTileRows>, WarpGemm<type, kGemmTileRows>::kSharedBytes);
    allow(gemm_warp_kernel<type, kFewWeightRows>, WarpGemm<type, kFewWeightRows>::kSharedBytes);
    if (!has_wgmma) return;
    allow(gemm_warpgroup_kernel<type>, WarpgroupGemm<type, kMaxTileTokens>::kSharedBytes);
    const auto allow_cluster = [&]<int most_tokens>() {
        allow(gemm_cluster_kernel<type, most_tokens>, ClusterGemm<type, most_tokens>::kSharedBytes);
    };
    allow_cluster.template operator()<kClusterTileTokens>();
    allow_cluster.template operator()<kMaxTileTokens>();
    if constexpr (type == WeightFormat::mxfp4) {
        allow(gemm_experts_kernel<kFewTileTokens>, ExpertGemm<kFewTileTokens>::kSharedBytes);
        allow(gemm_experts_kernel<kMaxTileTokens>, ExpertGemm<kMaxTileTokens>::kSharedBytes);
    }
}

}  // namespace gptoss::backend::cuda

// The router's logits, added up by the blocks that make the residual: a block's rows of it add their share to every
// expert's logit.
#pragma once

#include "backend/cuda/stage_parts.cuh"

namespace gptoss::backend::cuda {

inline constexpr int kRouterParts = kStreamThreads / kMaxExperts;  // threads that share an expert's sum

__device__ inline float router_weight(const std::byte* columns, int index, bool is_bf16) {
    if (!is_bf16) return reinterpret_cast<const float*>(columns)[index];
    return __uint_as_float(static_cast<std::uint32_t>(reinterpret_cast<const std::uint16_t*>(columns)[index])
                           << 16);
}

// The router's columns of a block's rows to shared memory, as part of the caller's next copy group.
__device__ inline void copy_router(std::byte* to, const DecodeContext& context, const DeviceLayer& weights,
                                   int first_row, int own_rows) {
    const bool is_bf16 = weights.router_columns_bf16 != nullptr;
    const auto* router = is_bf16 ? reinterpret_cast<const std::byte*>(weights.router_columns_bf16)
                                 : reinterpret_cast<const std::byte*>(weights.router_columns_f32);
    const int row_bytes = context.experts * (is_bf16 ? 2 : 4);
    const std::byte* from = router + std::int64_t{first_row} * row_bytes;
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x) * 16; i < own_rows * row_bytes; i += kStreamThreads * 16)
        copy_16_bytes_async(shared_address(to + i), from + i, true);
}

// Adds the block's share to every expert's logits, kRows rows at a time. `gained` [row][own rows]: x * g; `sums`:
// kStreamThreads floats for each of kRows.
template <int kRows>
__device__ void add_router_shares(const std::byte* router, const float* gained, float* sums, int own_rows,
                                  const DecodeContext& context, const LayerStage& stage) {
    static_assert(kRows <= kRouterParts, "in the end a thread for each row and expert");
    const bool is_bf16 = stage.weights.router_columns_bf16 != nullptr;
    const int thread = static_cast<int>(threadIdx.x), part = thread / kMaxExperts,
              expert = thread % kMaxExperts;
#pragma unroll 1
    for (int first = 0; first < context.rows; first += kRows) {
        const int rows = min(context.rows - first, kRows);
        float own[kRows] = {};
        if (expert < context.experts)
#pragma unroll 2
            for (int i = part; i < own_rows; i += kRouterParts) {
                const float weight = router_weight(router, i * context.experts + expert, is_bf16);
#pragma unroll
                for (int row = 0; row < kRows; ++row)
                    own[row] += weight * gained[(first + min(row, rows - 1)) * own_rows + i];
            }
#pragma unroll
        for (int row = 0; row < kRows; ++row) sums[row * kStreamThreads + thread] = own[row];
        __syncthreads();
        if (part < rows && expert < context.experts) {
            const float* of_row = sums + part * kStreamThreads + expert;
            float sum = of_row[0];
#pragma unroll
            for (int i = 1; i < kRouterParts; ++i) sum += of_row[i * kMaxExperts];
            add_fixed_point(context.buffers.sums.router(stage.layer, first + part) + expert, sum,
                            kLogitFractionBits);
        }
        __syncthreads();
    }
}

}  // namespace gptoss::backend::cuda

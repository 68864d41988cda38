// What happens to the sums of a tile. Both matrix kernels end with the same registers: a lane holds, for two
// neighbouring weight rows, the sums of tokens 8j + 2c and 8j + 2c + 1.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp8.h>

#include "backend/cuda/gemm_tile.cuh"

namespace gptoss::backend::cuda {

// a * sigmoid(1.702 a) * (b + 1) with a at most 7 and b within 7 (openai/gpt-oss, swiglu).
__device__ __forceinline__ float clamped_swiglu(float gate, float up) {
    constexpr float kLimit = model::Hyperparameters::kSwigluLimit;
    const float a = fminf(gate, kLimit);
    const float b = fminf(fmaxf(up, -kLimit), kLimit);
    return a / (1.0F + __expf(-model::Hyperparameters::kSwigluAlpha * a)) * (b + 1.0F);
}

__device__ __forceinline__ __nv_fp8x2_storage_t to_fp8x2(float low, float high) {
    return __nv_cvt_float2_to_fp8x2(make_float2(low, high), __NV_SATFINITE, __NV_E4M3);
}

__device__ __forceinline__ void store_pair(void* to, std::int64_t element, model::KvType type, float low,
                                           float high) {
    if (type == model::KvType::bf16)
        reinterpret_cast<__nv_bfloat162*>(to)[element / 2] = __floats2bfloat162_rn(low, high);
    else if (type == model::KvType::f16)
        reinterpret_cast<__half2*>(to)[element / 2] = to_half2(low, high);
    else
        reinterpret_cast<__nv_fp8x2_storage_t*>(to)[element / 2] = to_fp8x2(low, high);
}

// A query or key pair is rotated, then both kinds go where they belong.
__device__ __forceinline__ void store_query_key_value(const EpilogueTargets& targets, int weight_row,
                                                      int token, float even, float odd) {
    constexpr int kHead = 64;
    const int head = weight_row / kHead;
    const int inside = weight_row % kHead;
    const bool is_value = weight_row >= targets.query_rows + targets.kv_rows;
    if (!is_value) {
        const float2 turn =
            reinterpret_cast<const float2*>(targets.rotation)[token * (kHead / 2) + inside / 2];
        const float rotated = even * turn.x - odd * turn.y;
        odd = odd * turn.x + even * turn.y;
        even = rotated;
    }
    if (weight_row < targets.query_rows) {
        const std::int64_t element = std::int64_t{token} * targets.query_rows + weight_row;
        store_pair(targets.queries, element,
                   targets.cache_type == model::KvType::bf16 ? model::KvType::bf16 : model::KvType::f16, even,
                   odd);
        return;
    }
    // Keys of all heads, then values of all heads: the tiles of a block follow each other in that order.
    const int tile = head - targets.query_rows / kHead;
    const std::int64_t element = targets.cache_rows[token] + tile * (model::kBlockTokens * kHead) + inside;
    store_pair(targets.cache, element, targets.cache_type, even, odd);
}

// The lane's sums: sums[j][0..1] of slot 0's row, [2..3] of slot 1's. `swapped`: slot 0 is the odd row.
template <int groups>
__device__ __forceinline__ void store_sums(const EpilogueTargets& targets, const Tile& tile,
                                           int rows_of_expert, int even_row, bool swapped, int lane,
                                           int first_token, const float (&sums)[groups][4]) {
    if (even_row >= rows_of_expert) return;
    float2 bias = make_float2(0, 0);
    if (targets.bias != nullptr)
        bias = *reinterpret_cast<const float2*>(targets.bias + std::int64_t{tile.expert} * rows_of_expert +
                                                even_row);
#pragma unroll
    for (int j = 0; j < groups; ++j) {
        if (first_token + 8 * j >= tile.row_count) break;
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            const int token = first_token + 8 * j + 2 * lane + i;
            if (token >= tile.row_count) continue;
            const int row = tile.first_row + token;
            const float even = (swapped ? sums[j][2 + i] : sums[j][i]) + bias.x;
            const float odd = (swapped ? sums[j][i] : sums[j][2 + i]) + bias.y;
            if (targets.kind == Epilogue::swiglu) {
                const int width = rows_of_expert / 2;
                targets.activations[std::int64_t{row} * width + stored_column(targets.order, even_row / 2)] =
                    __float2half_rn(clamped_swiglu(even, odd));  // at most 56 in size
            } else if (targets.kind == Epilogue::expert_output) {
                const int pair = targets.pairs[row];
                const float weight = targets.pair_weights[pair] * kExpertOutputScale;
                reinterpret_cast<__half2*>(targets.expert_outputs +
                                           std::int64_t{pair} * rows_of_expert)[even_row / 2] =
                    to_half2(even * weight, odd * weight);
            } else if (targets.kind == Epilogue::query_key_value) {
                store_query_key_value(targets, even_row, row, even, odd);
            } else if (targets.kind == Epilogue::residual) {
                float2* out =
                    reinterpret_cast<float2*>(targets.output + row * targets.output_stride + even_row);
                const float2 before = *out;
                *out = make_float2(before.x + even, before.y + odd);
            } else {
                float* out = targets.output + row * targets.output_stride + even_row;
                if (even_row < targets.output_columns) out[0] = even;
                if (even_row + 1 < targets.output_columns) out[1] = odd;
            }
        }
    }
}

}  // namespace gptoss::backend::cuda

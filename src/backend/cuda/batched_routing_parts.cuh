// What both ways to route share.
#pragma once

#include "backend/cuda/batched_routing.h"
#include "backend/cuda/decode_stages.h"
#include "backend/cuda/gemm_ptx.cuh"
#include "backend/cuda/ops/common/activation_order.cuh"
#include "backend/cuda/ops/common/rms_norm.cuh"
#include "backend/cuda/ops/common/routing_weights.cuh"
#include "backend/cuda/ops/common/top_k_routing.cuh"

namespace gptoss::backend::cuda {

// ---- routing in order: chunks of kRouterChunk columns, each from the first column to the last, then chunk after chunk

// Of 16 lanes that have four columns each of a chunk.
__device__ __forceinline__ float chunk_squares(const float4& x) {
    float squares = squares_of(x);
    for (int step = kRouterChunk / 8; step > 0; step /= 2)
        squares += __shfl_xor_sync(kAllLanes, squares, step);
    return squares;
}
__device__ __forceinline__ float4 scaled(const float4& x, const float4& gain) {
    return make_float4(x.x * gain.x, x.y * gain.y, x.z * gain.z, x.w * gain.w);
}
__device__ __forceinline__ void add_products(float& sum, const float4& x, const float4& weights) {
    sum = fmaf(x.x, weights.x, sum);
    sum = fmaf(x.y, weights.y, sum);
    sum = fmaf(x.z, weights.z, sum);
    sum = fmaf(x.w, weights.w, sum);
}
// The norm's factor is one for a whole row, so it multiplies the finished sum.
__device__ __forceinline__ float router_logit(const Routing& r, int row, int expert, float sum,
                                              float factor) {
    if (expert >= r.experts || row >= r.row_count) return -INFINITY;
    const float logit = fmaf(sum, factor, r.router_bias[expert]);
    if (r.logits != nullptr) r.logits[std::int64_t{row} * r.experts + expert] = logit;
    return logit;
}
// `quads` quads of a row, `step` columns apart, as far as there are columns. All are asked for before the first is stored.
template <int quads>
struct NormalisedQuads {
    float4 x[quads], gain[quads];

    __device__ __forceinline__ void load(const Routing& r, int row, int first_column, int step) {
#pragma unroll
        for (int i = 0; i < quads; ++i) {
            const int column = min(first_column + i * step, r.hidden - 4);
            x[i] = *reinterpret_cast<const float4*>(r.residual + std::int64_t{row} * r.hidden + column);
            gain[i] = *reinterpret_cast<const float4*>(r.gain + column);
        }
    }
    __device__ __forceinline__ void store(const Routing& r, int row, int first_column, int step,
                                          float factor) const {
#pragma unroll
        for (int i = 0; i < quads; ++i) {
            const int column = first_column + i * step;
            if (column >= r.hidden) break;
            const float4 y = normalised(x[i], factor, gain[i]);
            store_quad(r.normalised + std::int64_t{row} * r.hidden, column, r.order, {y.x, y.y, y.z, y.w});
        }
    }
};
template <int quads>
__device__ __forceinline__ void store_normalised(const Routing& r, int row, int first_column, int step,
                                                 float factor) {
    NormalisedQuads<quads> own;
    own.load(r, row, first_column, step);
    own.store(r, row, first_column, step, factor);
}

// One warp: the experts of a row and their weights. `logits` [kMaxExperts].
__device__ inline void choose_top_experts(const Routing& r, int row, const float* logits, int lane) {
    std::uint32_t keys[kRoutingKeys];
#pragma unroll
    for (int i = 0; i < kRoutingKeys; ++i) {
        const int expert = i * 32 + lane;
        keys[i] = expert < r.experts ? routing_key(logits[expert]) : 0;
    }
    float chosen[kExpertsPerToken], weights[kExpertsPerToken];
    find_top_experts(keys, r.choices + std::int64_t{row} * kExpertsPerToken, chosen);
    find_routing_weights(chosen, weights);
#pragma unroll
    for (int rank = 0; rank < kExpertsPerToken; ++rank)
        if (lane == rank) r.routing_weights[std::int64_t{row} * kExpertsPerToken + rank] = weights[rank];
}

}  // namespace gptoss::backend::cuda

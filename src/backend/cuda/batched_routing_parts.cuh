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

// What both ways to route share.
#pragma once

#include "backend/cuda/batched_routing.h"
#include "backend/cuda/decode_stages.h"
#include "backend/cuda/gemm_ptx.cuh"
#include "backend/cuda/ops/common/activation_order.cuh"
#include "backend/cuda/ops/common/routing_weights.cuh"

namespace gptoss::backend::cuda {

// One warp: the four experts with the largest logits, the lower number first where two are equal, and the
// softmax of the four. `logits` [kMaxExperts] in shared memory, minus infinity where there is no expert; it
// is changed.
__device__ inline void choose_top_experts(const Routing& r, int row, float* logits, int lane) {
    float chosen[kExpertsPerToken];
#pragma unroll
    for (int k = 0; k < kExpertsPerToken; ++k) {
        float best = -INFINITY;
        int expert = kMaxExperts;
        for (int e = lane; e < kMaxExperts; e += 32) {
            if (logits[e] > best) {
                best = logits[e];
                expert = e;
            }
        }
        for (int step = 16; step > 0; step /= 2) {
            const float other = __shfl_xor_sync(kAllLanes, best, step);
            const int other_expert = __shfl_xor_sync(kAllLanes, expert, step);
            if (other > best || (other == best && other_expert < expert)) {
                best = other;
                expert = other_expert;
            }
        }
        chosen[k] = best;
        __syncwarp();                         // all have read the logits, one changes them
        expert = min(expert, r.experts - 1);  // logits that are not numbers must not leave the table
        if (lane == 0) {
            r.choices[std::int64_t{row} * kExpertsPerToken + k] = expert;
            logits[expert] = -INFINITY;
        }
        __syncwarp();
    }
    float weights[kExpertsPerToken];
    find_routing_weights(chosen, weights);
    if (lane < kExpertsPerToken) {
        float mine = weights[0];
#pragma unroll
        for (int k = 1; k < kExpertsPerToken; ++k) mine = lane == k ? weights[k] : mine;
        r.routing_weights[std::int64_t{row} * kExpertsPerToken + lane] = mine;
    }
}

}  // namespace gptoss::backend::cuda

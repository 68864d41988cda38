// Top-k routing of one token by one warp: the four experts with the largest logits, the lower number first where two
// are equal, a logit that is not a number below every other.
#pragma once

#include <cstdint>

#include "backend/cuda/plan/execution_plan.h"
#include "backend/cuda/primitives.cuh"
#include "backend/cuda/weights.h"

namespace gptoss::backend::cuda {

// Of a lane: of expert lane + 32 i.
inline constexpr int kRoutingKeys = kMaxExperts / 32;

// A logit as an integer that compares as the logit does. 0 is no expert.
__device__ __forceinline__ std::uint32_t routing_key(float logit) {
    return logit == logit ? max(ordered_bits(logit), 2U) : 1U;
}

// All lanes. `keys` is changed. Lane 0 writes the numbers in the order of rank to `experts` [kExpertsPerToken];
// `logits` is the same in every lane.
__device__ __forceinline__ void find_top_experts(std::uint32_t (&keys)[kRoutingKeys], std::int32_t* experts,
                                                 float (&logits)[kExpertsPerToken]) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int rank = 0; rank < kExpertsPerToken; ++rank) {
        std::uint32_t best = 0;
        int best_expert = kMaxExperts;
#pragma unroll
        for (int i = 0; i < kRoutingKeys; ++i)
            if (keys[i] > best) best = keys[i], best_expert = i * 32 + lane;
        const std::uint32_t largest = __reduce_max_sync(kAllLanes, best);
        const int winner = __reduce_min_sync(kAllLanes, best == largest ? best_expert : kMaxExperts);
#pragma unroll
        for (int i = 0; i < kRoutingKeys; ++i)
            if (i * 32 + lane == winner) keys[i] = 0;
        logits[rank] = from_ordered_bits(largest);
        if (lane == 0) experts[rank] = winner;
    }
}

}  // namespace gptoss::backend::cuda

// The weights of a token's chosen experts: the softmax of their logits, which come in the order of rank.
#pragma once

namespace gptoss::backend::cuda {

template <int count>
__device__ __forceinline__ void find_routing_weights(const float (&logits)[count], float (&weights)[count]) {
    float sum = 0;
#pragma unroll
    for (int rank = 0; rank < count; ++rank) sum += weights[rank] = __expf(logits[rank] - logits[0]);
#pragma unroll
    for (int rank = 0; rank < count; ++rank) weights[rank] = __fdividef(weights[rank], sum);
}

}  // namespace gptoss::backend::cuda

// Activations in registers as the matrix instruction wants them, without a way through shared memory.
#pragma once

#include "backend/cuda/primitives.cuh"

namespace gptoss::backend::cuda {

// Lane t of four has 16 bytes t of 64; it wants word t of each of them.
__device__ __forceinline__ void exchange_words(std::uint32_t (&words)[4], const uint4& piece) {
    const bool odd = threadIdx.x % 2 != 0, high = threadIdx.x % 4 >= 2;
    const std::uint32_t low_sent = __shfl_xor_sync(kAllLanes, odd ? piece.x : piece.y, 1),
                        high_sent = __shfl_xor_sync(kAllLanes, odd ? piece.z : piece.w, 1);
    const std::uint32_t w[4] = {odd ? low_sent : piece.x, odd ? piece.y : low_sent, odd ? high_sent : piece.z,
                                odd ? piece.w : high_sent};
    const std::uint32_t first_sent = __shfl_xor_sync(kAllLanes, high ? w[0] : w[2], 2),
                        second_sent = __shfl_xor_sync(kAllLanes, high ? w[1] : w[3], 2);
    words[0] = high ? first_sent : w[0], words[1] = high ? second_sent : w[1];
    words[2] = high ? w[2] : first_sent, words[3] = high ? w[3] : second_sent;
}

}  // namespace gptoss::backend::cuda

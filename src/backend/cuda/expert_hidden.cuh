// How the hidden rows of experts reach the down projection of several rows while gate and up still compute others.
//
// Before a layer's gate and up, every element is one that no product gives: the pattern of a float16 that is not a number,
// to which to_activation() never rounds. Whoever reads it before it is stored reads again, so an expert needs no counter,
// no fence, and no end of the kernel that computes it.
#pragma once

#include "backend/cuda/stage_parts.cuh"

namespace gptoss::backend::cuda {

inline constexpr std::uint16_t kNotStoredYet = 0xFFFF;

// All threads of the grid, while nobody reads or stores hidden rows.
__device__ inline void clear_expert_hidden(const DecodeContext& context) {
    const int pieces = context.rows * kExpertsPerToken * stored_activations(context.intermediate_size) / 8;
#pragma unroll 1
    for (int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); i < pieces;
         i += static_cast<int>(gridDim.x * blockDim.x))
        reinterpret_cast<uint4*>(context.buffers.expert_hidden)[i] = {~0U, ~0U, ~0U, ~0U};
}

__device__ inline void store_expert_hidden(std::uint16_t* to, std::uint16_t value) {
    asm volatile("st.relaxed.gpu.global.u16 [%0], %1;" ::"l"(to), "h"(value) : "memory");
}

__device__ inline uint4 load_expert_hidden(const uint4* from) {
    uint4 piece;
    asm volatile("ld.relaxed.gpu.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(piece.x), "=r"(piece.y), "=r"(piece.z), "=r"(piece.w)
                 : "l"(from)
                 : "memory");
    return piece;
}

// Whether an element of the pieces has not been stored yet.
template <int kCount>
__device__ bool is_any_not_stored(const uint4 (&pieces)[kCount]) {
    unsigned most = 0;  // of either half
#pragma unroll
    for (const uint4& piece : pieces)
        most = __vmaxu2(__vmaxu2(most, __vmaxu2(piece.x, piece.y)), __vmaxu2(piece.z, piece.w));
    return most >> 16 == kNotStoredYet || (most & 0xFFFFU) == kNotStoredYet;
}

}  // namespace gptoss::backend::cuda

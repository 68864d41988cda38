// Activations as the tensor cores take them beside a plane of weights: 16-bit numbers, in blocks of 32, each
// block in the order in which the four lanes of a quad hold that plane's weights (slab_stream.cuh). A lane
// then reads all it needs for a block with one 16-byte load.
//
// float16 beside mxfp4, q8_0 and f16 planes: 11 significant bits. What is bounded (normalised rows, SwiGLU
// outputs) is stored as it is; attention outputs are stored as 1/16 of their value, which leaves room to 1e6.
// bfloat16 beside bf16 planes.
#pragma once

#include "backend/cuda/primitives.cuh"
#include "backend/cuda/weights.h"

namespace gptoss::backend::cuda {

inline constexpr float kAttentionShrink = 1.0F / 16.0F;

// Where element `element` (0 .. 31) of a block stands.
template <PlaneType kType>
__host__ __device__ constexpr int place_in_block(int element) {
    if constexpr (kType == PlaneType::mxfp4) {
        // A lane's 32-bit word holds bytes 4t .. 4t + 3: low nibbles are elements 4t .., high ones 16 + 4t ..
        // Nibbles 16 bits apart are unpacked together: elements two apart form a pair.
        const int high_nibble = element / 16, lane = element % 16 / 4, byte = element % 4;
        return lane * 8 + (byte & 1) * 4 + high_nibble * 2 + byte / 2;
    } else if constexpr (kType == PlaneType::q8_0) {
        const int chunk = element / 16, lane = element % 16 / 4, byte = element % 4;
        return lane * 8 + chunk * 4 + byte;
    } else {
        const int chunk = element / 8, lane = element % 8 / 2;
        return lane * 8 + chunk * 2 + element % 2;
    }
}

template <PlaneType kType>
__device__ inline int place_of(int element) {
    return element / kQuantBlock * kQuantBlock + place_in_block<kType>(element % kQuantBlock);
}
__device__ inline int place_of(int element, PlaneType type) {
    if (type == PlaneType::mxfp4) return place_of<PlaneType::mxfp4>(element);
    if (type == PlaneType::q8_0) return place_of<PlaneType::q8_0>(element);
    return place_of<PlaneType::f16>(element);
}

// Saturates instead of overflowing: a float16 infinity times a zero weight would poison a whole row.
__device__ inline std::uint16_t to_activation(float value, PlaneType type) {
    if (type == PlaneType::bf16) return __bfloat16_as_ushort(__float2bfloat16_rn(value));
    return __half_as_ushort(__float2half_rn(fminf(fmaxf(value, -65504.0F), 65504.0F)));
}

}  // namespace gptoss::backend::cuda

// The layout of 16-bit activations that matches the fragment order of the weights' format: in blocks of 32, each in
// the order in which the four lanes of a quad hold the weights (k_tile_stream.cuh). So a lane reads all it needs of a
// block with one 16-byte load.
//
// float16 with mxfp4, q8_0 and f16 weights: 11 significant bits. What is bounded (normalised rows, SwiGLU outputs) is
// stored as it is; attention outputs are stored as 1/16 of their value, which leaves room to 1e6. bfloat16 with bf16
// weights.
#pragma once

#include "backend/cuda/primitives.cuh"
#include "backend/cuda/weights.h"

namespace gptoss::backend::cuda {

inline constexpr float kAttentionShrink = 1.0F / 16.0F;

// Where element `element` (0 .. 31) of a block stands.
template <WeightFormat kType>
__host__ __device__ constexpr int place_in_block(int element) {
    if constexpr (kType == WeightFormat::mxfp4) {
        // A lane's 32-bit word holds bytes 4t .. 4t + 3: low nibbles are elements 4t .., high ones 16 + 4t ..
        // Nibbles 16 bits apart are unpacked together: elements two apart form a pair.
        const int high_nibble = element / 16, lane = element % 16 / 4, byte = element % 4;
        return lane * 8 + (byte & 1) * 4 + high_nibble * 2 + byte / 2;
    } else if constexpr (kType == WeightFormat::q8_0) {
        const int chunk = element / 16, lane = element % 16 / 4, byte = element % 4;
        return lane * 8 + chunk * 4 + byte;
    } else {
        const int chunk = element / 8, lane = element % 8 / 2;
        return lane * 8 + chunk * 2 + element % 2;
    }
}

// Columns of a K-tile, 128 bytes of a row, and blocks in one half of it (k_tile_stream.cuh).
constexpr __host__ __device__ int k_tile_columns(WeightFormat type) {
    return type == WeightFormat::mxfp4 ? 256 : type == WeightFormat::q8_0 ? 128 : 64;
}
constexpr __host__ __device__ int blocks_a_half(WeightFormat type) {
    return k_tile_columns(type) / kQuantBlock / 2;
}

// The position of an element in a stored row. In the right K-half of a K-tile, blocks 2i and 2i + 1 are swapped (a
// swizzle): lanes read a block of the left half and the same block of the right half at once, and would otherwise have
// bank conflicts.
template <WeightFormat kType>
__device__ inline int swizzled_element(int element) {
    constexpr int kHalf = blocks_a_half(kType);
    int block = element / kQuantBlock;
    if (kHalf > 1) block ^= block / kHalf % 2;
    return block * kQuantBlock + place_in_block<kType>(element % kQuantBlock);
}
__device__ inline int swizzled_element(int element, WeightFormat type) {
    if (type == WeightFormat::mxfp4) return swizzled_element<WeightFormat::mxfp4>(element);
    if (type == WeightFormat::q8_0) return swizzled_element<WeightFormat::q8_0>(element);
    return swizzled_element<WeightFormat::f16>(element);
}

// Elements of a stored row of activations: the swizzle of blocks may leave a gap at the end.
constexpr __host__ __device__ int stored_activations(int columns) {
    return (columns + 2 * kQuantBlock - 1) / (2 * kQuantBlock) * (2 * kQuantBlock);
}

// Saturates instead of overflowing: a float16 infinity times a zero weight would poison a whole row.
__device__ inline std::uint16_t to_activation(float value, WeightFormat type) {
    if (type == WeightFormat::bf16) return __bfloat16_as_ushort(__float2bfloat16_rn(value));
    return __half_as_ushort(__float2half_rn(fminf(fmaxf(value, -65504.0F), 65504.0F)));
}

__device__ inline std::uint32_t to_activation_pair(float first, float second, WeightFormat type) {
    return static_cast<std::uint32_t>(to_activation(first, type)) |
           static_cast<std::uint32_t>(to_activation(second, type)) << 16;
}

// Stores elements i .. i + 3 of a row; i is a multiple of 4.
template <WeightFormat kType>
__device__ void store_four_activations(std::uint16_t* row, int i, float4 v) {
    auto* place = reinterpret_cast<std::uint32_t*>(row + swizzled_element<kType>(i));
    if constexpr (kType == WeightFormat::mxfp4) {
        place[0] = to_activation_pair(v.x, v.z, kType);
        place[2] = to_activation_pair(v.y, v.w, kType);
        static_assert(place_in_block<kType>(2) == 1 && place_in_block<kType>(1) == 4 &&
                      place_in_block<kType>(3) == 5);
    } else {
        place[0] = to_activation_pair(v.x, v.y, kType);
        place[kType == WeightFormat::q8_0 ? 1 : 4] = to_activation_pair(v.z, v.w, kType);
        static_assert(place_in_block<kType>(1) == 1 &&
                      place_in_block<kType>(2) == (kType == WeightFormat::q8_0 ? 2 : 8));
    }
}

}  // namespace gptoss::backend::cuda

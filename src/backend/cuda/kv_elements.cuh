// Elements of the KV cache: where they are and what they are.
#pragma once

#include <cuda_fp8.h>

#include "backend/cuda/device_state.h"
#include "backend/cuda/primitives.cuh"

namespace gptoss::backend::cuda {

// First element of one head's tile in a block.
__device__ inline std::int64_t kv_tile_start(const KvPool& pool, int layer, std::int32_t block, bool values,
                                             int head) {
    return layer * pool.layer_elements() + block * pool.block_elements() +
           ((values ? pool.kv_heads : 0) + head) * pool.tile_elements();
}

// Two neighbouring elements of a type, from the lowest bits on: rounded to nearest; float16 and e4m3 saturate.
__device__ __forceinline__ std::uint32_t to_kv_pair(model::KvType type, float first, float second) {
    switch (type) {
        case model::KvType::bf16:
            return MmaBf16::pack(first, second);
        case model::KvType::f16:
            return MmaF16::pack(fminf(fmaxf(first, -65504.0F), 65504.0F),
                                fminf(fmaxf(second, -65504.0F), 65504.0F));
        case model::KvType::f8:
            return __nv_cvt_float2_to_fp8x2(float2{first, second}, __NV_SATFINITE, __NV_E4M3);
    }
    return 0;
}

// Two elements at `element`, which is even; eight, at a multiple of eight.
__device__ __forceinline__ void store_kv_pair(const KvPool& pool, std::int64_t element, float first,
                                              float second) {
    const std::uint32_t pair = to_kv_pair(pool.type, first, second);
    if (pool.type == model::KvType::f8)
        *reinterpret_cast<std::uint16_t*>(pool.data + element) = static_cast<std::uint16_t>(pair);
    else
        *reinterpret_cast<std::uint32_t*>(pool.data + element * 2) = pair;
}
__device__ __forceinline__ void store_kv_eight(std::byte* data, model::KvType type, std::int64_t element,
                                               const float (&v)[8]) {
    std::uint32_t pairs[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) pairs[i] = to_kv_pair(type, v[2 * i], v[2 * i + 1]);
    if (type == model::KvType::f8)
        *reinterpret_cast<uint2*>(data + element) = {pairs[0] | pairs[1] << 16, pairs[2] | pairs[3] << 16};
    else
        *reinterpret_cast<uint4*>(data + element * 2) = {pairs[0], pairs[1], pairs[2], pairs[3]};
}

// RoPE of a pair that belongs together; `turn` is (cosine, sine), times the YaRN attention
// factor. Written out, so that no compiler contracts it differently elsewhere.
__device__ __forceinline__ void rotate_pair(float& first, float& second, float2 turn) {
    const float turned = __fmaf_rn(first, turn.x, -__fmul_rn(second, turn.y));
    second = __fmaf_rn(second, turn.x, __fmul_rn(first, turn.y));
    first = turned;
}

// Four e4m3 numbers as two registers of float16 pairs: exact.
__device__ inline uint2 unpack_e4m3(std::uint32_t word) {
    const __half2_raw low = __nv_cvt_fp8x2_to_halfraw2(static_cast<__nv_fp8x2_storage_t>(word), __NV_E4M3);
    const __half2_raw high =
        __nv_cvt_fp8x2_to_halfraw2(static_cast<__nv_fp8x2_storage_t>(word >> 16), __NV_E4M3);
    return {static_cast<std::uint32_t>(low.x) | static_cast<std::uint32_t>(low.y) << 16,
            static_cast<std::uint32_t>(high.x) | static_cast<std::uint32_t>(high.y) << 16};
}

}  // namespace gptoss::backend::cuda

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

// Two neighbouring elements; `element` is even.
__device__ inline void store_kv_pair(const KvPool& pool, std::int64_t element, float first, float second) {
    switch (pool.type) {
        case model::KvType::bf16:
            *reinterpret_cast<std::uint32_t*>(pool.data + element * 2) = BrainNumbers::pack(first, second);
            break;
        case model::KvType::f16:
            *reinterpret_cast<std::uint32_t*>(pool.data + element * 2) = HalfNumbers::pack(
                fminf(fmaxf(first, -65504.0F), 65504.0F), fminf(fmaxf(second, -65504.0F), 65504.0F));
            break;
        case model::KvType::f8:
            *reinterpret_cast<std::uint16_t*>(pool.data + element) =
                __nv_cvt_float2_to_fp8x2(float2{first, second}, __NV_SATFINITE, __NV_E4M3);
            break;
    }
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

// Four int8 weights of a word as two pairs of float16, exactly and without their scale.
#pragma once

#include <cuda_fp16.h>

#include <cstdint>

namespace gptoss::backend::cuda {

// 0x6400 | u is 1024 + u in float16; u = q + 128. Subtracting 1152 is exact.
__device__ __forceinline__ void unpack_int8(std::uint32_t word, __half2& low, __half2& high) {
    const std::uint32_t biased = word ^ 0x80808080U;
    const __half2 offset = __half2half2(__ushort_as_half(0x6480));
    const std::uint32_t pairs[2] = {__byte_perm(biased, 0x64646464U, 0x4140),
                                    __byte_perm(biased, 0x64646464U, 0x4342)};
    low = __hsub2(*reinterpret_cast<const __half2*>(&pairs[0]), offset);
    high = __hsub2(*reinterpret_cast<const __half2*>(&pairs[1]), offset);
}

}  // namespace gptoss::backend::cuda

// One element of a packed matrix at a time: for the embedding, and the slow reference the fast kernels are tested
// against.
#pragma once

#include "backend/cuda/mxfp4_words.h"
#include "backend/cuda/primitives.cuh"
#include "backend/cuda/weights.h"

namespace gptoss::backend::cuda {

__device__ inline float packed_weight_element(const DeviceMatrix& matrix, std::int64_t row, int column) {
    const std::byte* values = matrix.values + row * matrix.value_stride_bytes;
    const std::byte* scales = matrix.scales + row * matrix.scale_stride_bytes;
    const int block = column / kQuantBlock, inside = column % kQuantBlock;
    switch (matrix.type) {
        case WeightFormat::mxfp4: {
            const std::uint32_t word =
                reinterpret_cast<const std::uint32_t*>(values)[block * 4 + inside % 16 / 4];
            const unsigned code = mxfp4_code(word, static_cast<unsigned>(inside % 4 * 2 + inside / 16));
            const unsigned magnitude = code & 7U;
            const float value = magnitude < 4    ? 0.5F * static_cast<float>(magnitude)
                                : magnitude == 4 ? 2.0F
                                : magnitude == 5 ? 3.0F
                                : magnitude == 6 ? 4.0F
                                                 : 6.0F;
            const float scale = exp2f(static_cast<float>(static_cast<int>(scales[block])) - 127.0F);
            return (code & 8U) != 0 ? -value * scale : value * scale;
        }
        case WeightFormat::q8_0: {
            const float scale = __half2float(reinterpret_cast<const __half*>(scales)[block]);
            return static_cast<float>(reinterpret_cast<const signed char*>(values)[column]) * scale;
        }
        case WeightFormat::f16:
            return __half2float(reinterpret_cast<const __half*>(values)[column]);
        case WeightFormat::bf16:
            return __bfloat162float(reinterpret_cast<const __nv_bfloat16*>(values)[column]);
    }
    return 0;
}

}  // namespace gptoss::backend::cuda

// Cosine and sine of a position for one pair of dimensions, YaRN's attention factor included. In double: at position
// 131,071 a float32 angle is off by 8e-3 rad.
#pragma once

#include <cstdint>

#include "backend/cuda/decode_stages.h"

namespace gptoss::backend::cuda {

__device__ __forceinline__ float2 rotation_of(std::int32_t position, int pair,
                                              const RopeFrequencies& frequencies) {
    double sine = 0, cosine = 0;
    sincos(position * frequencies.inverse[pair], &sine, &cosine);
    return {static_cast<float>(cosine * frequencies.attention_factor),
            static_cast<float>(sine * frequencies.attention_factor)};
}

}  // namespace gptoss::backend::cuda

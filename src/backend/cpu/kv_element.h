// How keys and values are stored: bfloat16, float16 or float8 (E4M3, four exponent and three fraction bits,
// no infinities, largest value 448).
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/kernels.h"
#include "model/plan.h"

namespace gptoss::backend::cpu {

// Rounds (to nearest even) `count` values; the i-th goes to element i * stride of `to`.
void store_elements(model::KvType type, const float* values, std::int32_t count, std::byte* to,
                    std::int32_t stride);

// `count` consecutive elements (a multiple of 16) as float32.
void load_elements(const Kernels& kernels, model::KvType type, const std::byte* from, std::int32_t count,
                   float* to);

}  // namespace gptoss::backend::cpu

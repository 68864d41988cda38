// Values that benches put where a model's activations, queries and keys would be.
#pragma once

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <random>
#include <vector>

#include "backend/cuda/memory.h"

namespace gptoss::backend::cuda {

// `values` over and over, until `to` [count], on the device, is full.
template <typename Value>
void fill_with(Value* to, std::int64_t count, const std::vector<Value>& values) {
    const auto period = static_cast<std::int64_t>(values.size());
    for (std::int64_t i = 0; i < count; i += period)  // once from the host, then from the device's copy
        cuda_check(cudaMemcpy(to + i, i == 0 ? values.data() : to,
                              static_cast<std::size_t>(std::min(period, count - i)) * sizeof(Value),
                              i == 0 ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToDevice));
}

// Even between -1 and 1.
inline std::vector<float> even_values(std::int64_t count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    unsigned state = 1;
    for (float& v : values)
        v = static_cast<float>((state = state * 1664525U + 1013904223U) >> 8) / 8388608.0F - 1.0F;
    return values;
}
inline void fill_even(__half* to, std::int64_t count) {
    std::vector<__half> values;
    for (const float v : even_values(1 << 16)) values.push_back(__float2half(v));
    fill_with(to, count, values);
}
inline void fill_even(float* to, std::int64_t count) {
    fill_with(to, count, even_values(count));
}

// Bits of bfloat16, normally distributed: attention's time depends on its scores, on how often a row's largest grows. They
// repeat after an odd number, so that no two blocks of keys are alike.
inline void fill_normal_bf16(std::uint16_t* to, std::int64_t count) {
    static const std::vector<std::uint16_t> values = [] {
        std::vector<std::uint16_t> numbers((1 << 22) + 1);
        std::minstd_rand source(1);
        std::normal_distribution<float> normal;
        for (std::uint16_t& number : numbers)
            number = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(normal(source)) >> 16);
        return numbers;
    }();
    fill_with(to, count, values);
}

}  // namespace gptoss::backend::cuda

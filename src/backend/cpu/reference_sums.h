// The sums of the float32 reference. Each has the same bits on every processor and however many are made at once: sixteen
// running sums, added up at the end, and no product is fused with its sum.
#pragma once

#include <cstdint>

namespace gptoss::backend::cpu {

// out[i] = a . b[i * stride ...], `count` numbers each, for `rows` rows of b.
void reference_dots(const float* a, const float* b, std::int64_t stride, std::int64_t rows,
                    std::int64_t count, float* out);

// sum[i] += factor * values[i]
void reference_add(float* sum, const float* values, float factor, std::int64_t count);

}  // namespace gptoss::backend::cpu

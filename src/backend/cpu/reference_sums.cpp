#include "backend/cpu/reference_sums.h"

#include <cstring>

namespace gptoss::backend::cpu {
namespace {

constexpr std::int64_t kLanes = 16;

#if defined(__x86_64__)
#define GPTOSS_AVX512 __attribute__((target("avx512f")))
#define GPTOSS_AVX2 __attribute__((target("avx2")))
#endif
#define GPTOSS_INLINE __attribute__((always_inline)) inline

// As many registers as the processor needs for them.
using Sums = float __attribute__((vector_size(kLanes * sizeof(float))));

GPTOSS_INLINE void load(const float* from, Sums& values) {
    std::memcpy(&values, from, sizeof values);
}

// Several rows at a time: one sum waits for the one before it, and the others do not.
template <int rows>
GPTOSS_INLINE void dots_of(const float* a, const float* b, std::int64_t stride, std::int64_t count,
                           float* out) {
    Sums sums[rows] = {};
    std::int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        Sums mine, other;
        load(a + i, mine);
        for (int row = 0; row < rows; ++row) {
            load(b + row * stride + i, other);
            sums[row] += mine * other;
        }
    }
    for (int row = 0; row < rows; ++row) {
        for (std::int64_t rest = i; rest < count; ++rest) sums[row][0] += a[rest] * b[row * stride + rest];
        float total = 0;
        for (int lane = 0; lane < kLanes; ++lane) total += sums[row][lane];
        out[row] = total;
    }
}

template <int at_once>
GPTOSS_INLINE void all_dots(const float* a, const float* b, std::int64_t stride, std::int64_t rows,
                            std::int64_t count, float* out) {
    std::int64_t row = 0;
    for (; row + at_once <= rows; row += at_once)
        dots_of<at_once>(a, b + row * stride, stride, count, out + row);
    for (; row < rows; ++row) dots_of<1>(a, b + row * stride, stride, count, out + row);
}

GPTOSS_INLINE void add(float* sum, const float* values, float factor, std::int64_t count) {
    std::int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        Sums so_far, more;
        load(sum + i, so_far);
        load(values + i, more);
        so_far += factor * more;
        std::memcpy(sum + i, &so_far, sizeof so_far);
    }
    for (; i < count; ++i) sum[i] += factor * values[i];
}

#if defined(__x86_64__)
GPTOSS_AVX512 void dots_avx512(const float* a, const float* b, std::int64_t stride, std::int64_t rows,
                               std::int64_t count, float* out) {
    all_dots<8>(a, b, stride, rows, count, out);
}
GPTOSS_AVX2 void dots_avx2(const float* a, const float* b, std::int64_t stride, std::int64_t rows,
                           std::int64_t count, float* out) {
    all_dots<4>(a, b, stride, rows, count, out);
}
GPTOSS_AVX512 void add_avx512(float* sum, const float* values, float factor, std::int64_t count) {
    add(sum, values, factor, count);
}
GPTOSS_AVX2 void add_avx2(float* sum, const float* values, float factor, std::int64_t count) {
    add(sum, values, factor, count);
}
const bool kHasAvx512 = __builtin_cpu_supports("avx512f"), kHasAvx2 = __builtin_cpu_supports("avx2");
#endif

}  // namespace

void reference_dots(const float* a, const float* b, std::int64_t stride, std::int64_t rows,
                    std::int64_t count, float* out) {
#if defined(__x86_64__)
    if (kHasAvx512) return dots_avx512(a, b, stride, rows, count, out);
    if (kHasAvx2) return dots_avx2(a, b, stride, rows, count, out);
#endif
    all_dots<2>(a, b, stride, rows, count, out);
}

void reference_add(float* sum, const float* values, float factor, std::int64_t count) {
#if defined(__x86_64__)
    if (kHasAvx512) return add_avx512(sum, values, factor, count);
    if (kHasAvx2) return add_avx2(sum, values, factor, count);
#endif
    add(sum, values, factor, count);
}

}  // namespace gptoss::backend::cpu

// Kernels written with the compiler's vector types: included by each kernels_*.cpp and compiled there for its
// instruction set. Everything is in an unnamed namespace and uses no library templates: a function shared
// between files compiled for different machines would be merged by the linker, possibly into the wrong one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "backend/cpu/kernels.h"

namespace gptoss::backend::cpu {
namespace {

// One register of float32: wider vector types would be split by the compiler, through memory.
#if defined(__AVX512F__)
inline constexpr int kLanes = 16;
#elif defined(__AVX__)
inline constexpr int kLanes = 8;
#else
inline constexpr int kLanes = 4;
#endif
using FloatLanes = float __attribute__((vector_size(4 * kLanes)));
using IntLanes = std::int32_t __attribute__((vector_size(4 * kLanes)));
using WordLanes = std::uint32_t __attribute__((vector_size(4 * kLanes)));
using HalfLanes = std::uint16_t __attribute__((vector_size(2 * kLanes)));

inline constexpr int kHalfParts = kHalfRows / kLanes;  // registers that hold half a panel's rows

template <typename Vector>
[[gnu::always_inline]] inline Vector load(const void* from) {
    Vector vector;
    std::memcpy(&vector, from, sizeof vector);
    return vector;
}
template <typename Vector>
[[gnu::always_inline]] inline void store(void* to, Vector vector) {
    std::memcpy(to, &vector, sizeof vector);
}
[[gnu::always_inline]] inline FloatLanes load_floats(const float* from) {
    return load<FloatLanes>(from);
}
[[gnu::always_inline]] inline FloatLanes broadcast(float value) {
    return FloatLanes{} + value;
}
[[gnu::always_inline]] inline FloatLanes maximum(FloatLanes a, FloatLanes b) {
    return a > b ? a : b;
}
[[gnu::always_inline]] inline FloatLanes minimum(FloatLanes a, FloatLanes b) {
    return a < b ? a : b;
}

[[gnu::always_inline]] inline float sum_lanes(FloatLanes v) {
    float lanes[kLanes];
    store(lanes, v);
    for (int width = kLanes / 2; width > 0; width /= 2)
        for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
    return lanes[0];
}
[[gnu::always_inline]] inline float max_lanes(FloatLanes v) {
    float lanes[kLanes];
    store(lanes, v);
    for (int width = kLanes / 2; width > 0; width /= 2)
        for (int i = 0; i < width; ++i) lanes[i] = lanes[i] > lanes[i + width] ? lanes[i] : lanes[i + width];
    return lanes[0];
}

// Added to a float below 2^22 in size it rounds it to an integer, which then lies in the low bits.
inline constexpr float kRounder = 12582912.0F;  // 1.5 * 2^23
inline constexpr std::int32_t kRounderBits = 0x4B400000;

// e^x to about 2 units in the last place; 0 below -87.3 (where float32 becomes subnormal). Not for x > 88.
// x = n ln 2 + r, |r| <= ln 2 / 2; e^r by its Taylor series to the seventh power, 2^n by the exponent field.
[[gnu::always_inline]] inline FloatLanes exponential(FloatLanes x) {
    const FloatLanes least = broadcast(-87.3F);
    const FloatLanes shifted = maximum(x, least) * 1.44269504F + kRounder;
    const FloatLanes n = shifted - kRounder;
    // ln 2 in two parts, the first with so few bits that n times it is exact (Cody and Waite 1980).
    const FloatLanes r = (maximum(x, least) - n * 0.693359375F) + n * 2.12194440e-4F;
    FloatLanes p = broadcast(1.0F / 5040);
    p = p * r + 1.0F / 720;
    p = p * r + 1.0F / 120;
    p = p * r + 1.0F / 24;
    p = p * r + 1.0F / 6;
    p = p * r + 0.5F;
    p = p * r + 1.0F;
    p = p * r + 1.0F;
    const WordLanes exponent = (reinterpret_cast<WordLanes>(shifted) << 23) + (127U << 23);
    const FloatLanes result = p * reinterpret_cast<FloatLanes>(exponent);
    return x < least ? FloatLanes{} : result;
}

// --- matrices of floats ---

struct LoadFloat32 {
    static constexpr std::size_t kBytes = 4;
    [[gnu::always_inline]] static FloatLanes lanes(const std::byte* from) { return load<FloatLanes>(from); }
};
struct LoadBfloat16 {
    static constexpr std::size_t kBytes = 2;
    [[gnu::always_inline]] static FloatLanes lanes(const std::byte* from) {
        return reinterpret_cast<FloatLanes>(__builtin_convertvector(load<HalfLanes>(from), WordLanes) << 16);
    }
};

template <typename Load, int kRows>
void dot_floats_rows(const std::byte* panel, std::int32_t blocks, const ActivationRow* rows, float* out) {
    const std::int32_t columns = blocks * kBlockColumns;
    constexpr std::size_t kStep = kPanelRows * Load::kBytes;
    const float* x[kRows];
    for (int row = 0; row < kRows; ++row) x[row] = rows[row].floats;
    for (int part = 0; part < kHalfParts; ++part) {
        const std::byte* lower = panel + part * kLanes * Load::kBytes;
        const std::byte* upper = lower + kHalfRows * Load::kBytes;
        FloatLanes lower_sums[kRows] = {}, upper_sums[kRows] = {};
        for (std::int32_t k = 0; k < columns; ++k, lower += kStep, upper += kStep) {
            const FloatLanes a = Load::lanes(lower), b = Load::lanes(upper);
            for (int row = 0; row < kRows; ++row) {
                lower_sums[row] += a * x[row][k];
                upper_sums[row] += b * x[row][k];
            }
        }
        for (int row = 0; row < kRows; ++row) {
            store(out + kPanelRows * row + part * kLanes, lower_sums[row]);
            store(out + kPanelRows * row + kHalfRows + part * kLanes, upper_sums[row]);
        }
    }
}

// --- quantising activations ---

// 16-bit integers of a block: |value| <= 32512 = 127 * 256, so that the high byte of the nearest
// 256 * high + low fits a signed byte.
[[gnu::always_inline]] inline BlockScale quantise_to_integers(const float* values, std::int32_t* integers) {
    FloatLanes largest{};
    for (int i = 0; i < kBlockColumns; i += kLanes) {
        const FloatLanes v = load_floats(values + i);
        largest = maximum(largest, maximum(v, -v));
    }
    // The bounds keep the product with a weight's power-of-two scale inside float32's normal range; a NaN
    // becomes the lower one.
    constexpr float kLeast = 0x1p-60F, kMost = 0x1p60F, kLimit = 32512.0F;
    float scale = max_lanes(largest) * (1.0F / kLimit);
    scale = scale > kLeast ? scale : kLeast;
    scale = scale < kMost ? scale : kMost;
    const float inverse = 1.0F / scale;
    IntLanes sums{};
    for (int i = 0; i < kBlockColumns; i += kLanes) {
        const FloatLanes scaled =
            maximum(minimum(load_floats(values + i) * inverse, broadcast(kLimit)), broadcast(-kLimit));
        const IntLanes rounded = reinterpret_cast<IntLanes>(scaled + kRounder) - kRounderBits;
        store(integers + i, rounded);
        sums += rounded;
    }
    std::int32_t sum = 0;
    for (int lane = 0; lane < kLanes; ++lane) sum += sums[lane];
    return {scale, -128 * sum};
}

// --- element-wise stages ---

void rms_norm(const float* x, const float* gain, std::int32_t count, float epsilon, float* out) {
    FloatLanes squares[2] = {};
    std::int32_t i = 0;
    for (; i + 2 * kLanes <= count; i += 2 * kLanes)
        for (int part = 0; part < 2; ++part) {
            const FloatLanes v = load_floats(x + i + part * kLanes);
            squares[part] += v * v;
        }
    float sum = sum_lanes(squares[0] + squares[1]);
    for (; i < count; ++i) sum += x[i] * x[i];
    const float scale = 1.0F / __builtin_sqrtf(sum / static_cast<float>(count) + epsilon);
    for (i = 0; i + kLanes <= count; i += kLanes)
        store(out + i, load_floats(x + i) * scale * load_floats(gain + i));
    for (; i < count; ++i) out[i] = x[i] * scale * gain[i];
}

void swiglu(const float* gate, const float* up, std::int32_t count, float* out) {
    for (std::int32_t i = 0; i < count; i += kLanes) {
        const FloatLanes limit = broadcast(7.0F);
        const FloatLanes a = minimum(load_floats(gate + i), limit);  // bounded above only
        const FloatLanes b = maximum(minimum(load_floats(up + i), limit), -limit);
        // Where the bound acts, a * sigmoid(1.702 a) is 0 to float32.
        const FloatLanes e = exponential(minimum(a * -1.702F, broadcast(87.0F)));
        store(out + i, a / (1.0F + e) * (b + 1.0F));
    }
}

std::uint64_t sum_words(const std::byte* from, std::size_t bytes) {
    WordLanes sums[8] = {};
    for (std::size_t at = 0; at < bytes; at += 8 * sizeof(WordLanes))
        for (std::size_t part = 0; part < 8; ++part) {
            const std::byte* place = from + at + part * sizeof(WordLanes);
            __builtin_prefetch(place + kPrefetchBytes);
            sums[part] += load<WordLanes>(place);
        }
    std::uint64_t total = 0;
    for (const WordLanes& sum : sums)
        for (int lane = 0; lane < kLanes; ++lane) total += sum[lane];
    return total;
}

// --- attention ---

inline constexpr int kKeys = 64;       // of a KV block
inline constexpr int kGroupParts = 4;  // registers a head has at work at a time
inline constexpr int kGroup = kGroupParts * kLanes;

using ShortLanes = std::int16_t __attribute__((vector_size(2 * kLanes)));
using ByteLanes = std::int8_t __attribute__((vector_size(kLanes)));

template <typename Integers>
void widen(const std::byte* from, std::int32_t count, float* to) {
    for (std::int32_t i = 0; i < count; i += kLanes)
        store(to + i,
              __builtin_convertvector(load<Integers>(from + sizeof(Integers) / kLanes * i), FloatLanes));
}

// scores[head][key] = dot product of the head's query and the key, for one group of keys from `first` on.
template <int kHeads>
[[gnu::always_inline]] inline void score_group(const float* const* queries, const KvView& block, int first,
                                               float (*scores)[kKeys]) {
    FloatLanes accumulators[kHeads][kGroupParts] = {};
    for (int d = 0; d < kHeadSize; ++d)
        for (int part = 0; part < kGroupParts; ++part) {
            const FloatLanes k = load_floats(block.keys + kKeys * d + first + part * kLanes);
            for (int head = 0; head < kHeads; ++head) accumulators[head][part] += k * queries[head][d];
        }
    for (int head = 0; head < kHeads; ++head)
        for (int part = 0; part < kGroupParts; ++part)
            store(&scores[head][first + part * kLanes],
                  accumulators[head][part] * load_floats(block.key_scales + first + part * kLanes));
}

// output[head] += sum over keys of weight * value, a group of dimensions at a time.
template <int kHeads>
[[gnu::always_inline]] inline void weigh_group(const float (*weights)[kKeys], const float* values, int first,
                                               std::int32_t first_key, std::int32_t last_key,
                                               AttentionState* const* states) {
    FloatLanes outputs[kHeads][kGroupParts];
    for (int head = 0; head < kHeads; ++head)
        for (int part = 0; part < kGroupParts; ++part)
            outputs[head][part] = load_floats(states[head]->output + first + part * kLanes);
    for (std::int32_t key = first_key; key <= last_key; ++key)
        for (int part = 0; part < kGroupParts; ++part) {
            const FloatLanes v = load_floats(values + kHeadSize * key + first + part * kLanes);
            for (int head = 0; head < kHeads; ++head) outputs[head][part] += v * weights[head][key];
        }
    for (int head = 0; head < kHeads; ++head)
        for (int part = 0; part < kGroupParts; ++part)
            store(states[head]->output + first + part * kLanes, outputs[head][part]);
}

// Turns the visible scores of a block into weights relative to the running maximum and rescales what was
// summed before (Dao et al. 2022).
[[gnu::always_inline]] inline void soften(float* scores, const float* value_scales, std::int32_t first_key,
                                          std::int32_t last_key, AttentionState& state) {
    constexpr float kHidden = -3.0e38F;
    for (std::int32_t key = 0; key < first_key; ++key) scores[key] = kHidden;
    for (std::int32_t key = last_key + 1; key < kKeys; ++key) scores[key] = kHidden;
    FloatLanes largest = broadcast(kHidden);
    for (int key = 0; key < kKeys; key += kLanes) largest = maximum(largest, load_floats(scores + key));
    const float block_maximum = max_lanes(largest);
    const float new_maximum = block_maximum > state.maximum ? block_maximum : state.maximum;
    FloatLanes sum{};
    for (int key = 0; key < kKeys; key += kLanes) {
        const FloatLanes weight = exponential(load_floats(scores + key) - new_maximum);
        store(scores + key, weight * load_floats(value_scales + key));
        sum += weight;
    }
    const FloatLanes rescale = exponential(broadcast(state.maximum - new_maximum));
    state.sum = state.sum * rescale[0] + sum_lanes(sum);
    state.maximum = new_maximum;
    for (int d = 0; d < kHeadSize; d += kLanes)
        store(state.output + d, load_floats(state.output + d) * rescale);
}

template <int kHeads>
[[gnu::always_inline]] inline void attend_heads(const float* const* queries, const KvView& block,
                                                std::int32_t first_key, std::int32_t last_key,
                                                AttentionState* const* states) {
    float scores[kHeads][kKeys];
    for (int first = 0; first < kKeys; first += kGroup) score_group<kHeads>(queries, block, first, scores);
    for (int head = 0; head < kHeads; ++head)
        soften(scores[head], block.value_scales, first_key, last_key, *states[head]);
    for (int first = 0; first < kHeadSize; first += kGroup)
        weigh_group<kHeads>(scores, block.values, first, first_key, last_key, states);
}

void attend_block(const float* const* queries, std::int32_t heads, const KvView& block,
                  std::int32_t first_key, std::int32_t last_key, AttentionState* const* states) {
    switch (heads) {
        case 1:
            return attend_heads<1>(queries, block, first_key, last_key, states);
        case 2:
            return attend_heads<2>(queries, block, first_key, last_key, states);
        case 3:
            return attend_heads<3>(queries, block, first_key, last_key, states);
        default:
            return attend_heads<4>(queries, block, first_key, last_key, states);
    }
}

// A matrix kernel is compiled for each number of activation rows, so that its sums stay in registers.
using RowsDot = void (*)(const std::byte* panel, std::int32_t blocks, const ActivationRow* rows, float* out);

template <RowsDot kOne, RowsDot kTwo, RowsDot kThree, RowsDot kFour>
void dot_by_rows(const std::byte* panel, std::int32_t blocks, const ActivationRow* rows,
                 std::int32_t row_count, float* out) {
    constexpr RowsDot kernels[] = {kOne, kTwo, kThree, kFour};
    for (std::int32_t row = 0; row < row_count; row += 4) {
        const std::int32_t count = row_count - row < 4 ? row_count - row : 4;
        kernels[count - 1](panel, blocks, rows + row, out + kPanelRows * row);
    }
}
template <typename Load>
constexpr PanelDot kDotFloats = dot_by_rows<dot_floats_rows<Load, 1>, dot_floats_rows<Load, 2>,
                                            dot_floats_rows<Load, 3>, dot_floats_rows<Load, 4>>;

// The set of one instruction set: what differs, and what the vector types above make of the rest.
template <typename LoadFloat16>
constexpr Kernels kernel_set(std::string_view name, PanelDot dot_mxfp4, PanelDot dot_int8,
                             void (*quantize_block)(const float*, QuantizedRow, std::int32_t)) {
    return {
        .name = name,
        .dot_mxfp4 = dot_mxfp4,
        .dot_int8 = dot_int8,
        .dot_float32 = kDotFloats<LoadFloat32>,
        .dot_bfloat16 = kDotFloats<LoadBfloat16>,
        .dot_float16 = kDotFloats<LoadFloat16>,
        .quantize_block = quantize_block,
        .rms_norm = rms_norm,
        .swiglu = swiglu,
        .attend_block = attend_block,
        .sum_words = sum_words,
        .widen_int16 = widen<ShortLanes>,
        .widen_int8 = widen<ByteLanes>,
    };
}

}  // namespace
}  // namespace gptoss::backend::cpu

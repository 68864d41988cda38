#include "backend/cpu/kv_element.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "gguf/numbers.h"

namespace gptoss::backend::cpu {
namespace {

std::uint16_t bfloat16_from_float(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);  // NaN
    return static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

// Values beyond 448 saturate; a NaN becomes the format's one NaN.
std::uint8_t float8_from_float(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const auto sign = static_cast<std::uint8_t>(bits >> 24 & 0x80U);
    const float magnitude = std::abs(value);
    if (std::isnan(value)) return static_cast<std::uint8_t>(sign | 0x7FU);
    if (magnitude >= 448.0F) return static_cast<std::uint8_t>(sign | 0x7EU);
    if (magnitude < 0x1p-6F)  // subnormal: units of 2^-9
        return static_cast<std::uint8_t>(sign |
                                         static_cast<std::uint8_t>(std::nearbyint(magnitude * 0x1p9F)));
    const std::uint32_t plain = bits & 0x7FFFFFFFU;
    const std::uint32_t rounded = plain + 0x7FFFFU + (plain >> 20 & 1U);  // keeps three fraction bits
    return static_cast<std::uint8_t>(sign | ((rounded >> 20) - (120U << 3)));
}

std::array<float, 256> make_float8_table() {
    std::array<float, 256> table{};
    for (int code = 0; code < 256; ++code) {
        const int exponent = code >> 3 & 15, fraction = code & 7;
        float value = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -9)
                                    : std::ldexp(static_cast<float>(8 + fraction), exponent - 10);
        if (exponent == 15 && fraction == 7) value = std::nanf("");
        table[code] = code < 128 ? value : -value;
    }
    return table;
}

template <typename Element, typename Round>
void store_rounded(const float* values, std::int32_t count, std::byte* to, std::int32_t stride, Round round) {
    for (std::int32_t i = 0; i < count; ++i) {
        const Element element = round(values[i]);
        std::memcpy(to + sizeof(Element) * i * stride, &element, sizeof element);
    }
}

}  // namespace

void store_elements(model::KvType type, const float* values, std::int32_t count, std::byte* to,
                    std::int32_t stride) {
    switch (type) {
        case model::KvType::bf16:
            return store_rounded<std::uint16_t>(values, count, to, stride, bfloat16_from_float);
        case model::KvType::f16:
            return store_rounded<std::uint16_t>(values, count, to, stride, gguf::half_from_float);
        case model::KvType::f8:
            return store_rounded<std::uint8_t>(values, count, to, stride, float8_from_float);
    }
}

void load_elements(const Kernels& kernels, model::KvType type, const std::byte* from, std::int32_t count,
                   float* to) {
    static const std::array<float, 256> float8 = make_float8_table();
    switch (type) {
        case model::KvType::bf16:
            return kernels.widen_bfloat16(from, count, to);
        case model::KvType::f16:
            return kernels.widen_float16(from, count, to);
        case model::KvType::f8:
            for (std::int32_t i = 0; i < count; ++i) to[i] = float8[static_cast<std::uint8_t>(from[i])];
    }
}

}  // namespace gptoss::backend::cpu

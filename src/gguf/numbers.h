// Conversions between the narrow floating-point formats of GGUF and float32, bit by bit.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace gptoss::gguf {

// IEEE 754 binary16. Subnormals are exact in float32.
inline float float_from_half(std::uint16_t half) {
    const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
    const std::uint32_t exponent = (half >> 10) & 0x1FU;
    const std::uint32_t mantissa = half & 0x3FFU;
    if (exponent == 0) {
        const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
        return sign ? -magnitude : magnitude;
    }
    const std::uint32_t wide_exponent = exponent == 31 ? 255U : exponent + 112U;
    return std::bit_cast<float>(sign | (wide_exponent << 23) | (mantissa << 13));
}

// Round to nearest, ties to even.
inline std::uint16_t half_from_float(float value) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
    const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
    if (magnitude >= 0x7F800000U)  // infinity or NaN
        return static_cast<std::uint16_t>(sign | (magnitude > 0x7F800000U ? 0x7E00U : 0x7C00U));
    if (magnitude >= 0x477FF000U) return static_cast<std::uint16_t>(sign | 0x7C00U);  // rounds past 65504
    if (magnitude < 0x38800000U) {  // subnormal half: units of 2^-24
        const float units = std::nearbyint(std::bit_cast<float>(magnitude) * 0x1p24F);
        return static_cast<std::uint16_t>(sign | static_cast<std::uint16_t>(units));
    }
    const std::uint32_t rounded = magnitude + 0xFFFU + ((magnitude >> 13) & 1U) - (112U << 23);
    return static_cast<std::uint16_t>(sign | static_cast<std::uint16_t>(rounded >> 13));
}

inline float float_from_bfloat(std::uint16_t bfloat) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bfloat) << 16);
}

// Round to nearest, ties to even; NaN stays NaN.
inline std::uint16_t bfloat_from_float(float value) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
    return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

// The sixteen values of E2M1 (OCP Microscaling Formats 1.0, section 5.3.3); codes 8-15 are the negatives.
inline constexpr float kE2M1[16] = {0.0F,  0.5F,  1.0F,  1.5F,  2.0F,  3.0F,  4.0F,  6.0F,
                                    -0.0F, -0.5F, -1.0F, -1.5F, -2.0F, -3.0F, -4.0F, -6.0F};

// Half of an E8M0 scale: 2^(code - 128). Codes 0 and 1 are subnormals. Code 255, NaN in the standard, is an
// ordinary 2^127 here as in ggml; files in which it scales more than zeros are refused (finite_weights.h).
inline float half_of_e8m0(std::uint8_t code) {
    return std::ldexp(1.0F, static_cast<int>(code) - 128);
}

inline std::uint16_t load_u16(const std::byte* bytes) {
    std::uint16_t value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

}  // namespace gptoss::gguf

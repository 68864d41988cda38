// Rounding float32 into blocks: the types our writers need.
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "gguf/dequantize.h"
#include "gguf/numbers.h"

namespace gptoss::gguf {
namespace {

float largest_magnitude(const float* values) {
    float largest = 0;
    for (int i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(values[i]));
    return largest;
}

void put_u16(std::byte* out, std::uint16_t value) {
    std::memcpy(out, &value, sizeof value);
}

void q8_0(const float* values, std::byte* block) {
    const float scale = largest_magnitude(values) / 127.0F;
    const float inverse = scale > 0 ? 1.0F / scale : 0.0F;
    put_u16(block, half_from_float(scale));
    for (int i = 0; i < 32; ++i)
        block[2 + i] = static_cast<std::byte>(static_cast<std::int8_t>(std::lround(values[i] * inverse)));
}

// Nearest E2M1 code; a tie goes to the code with an even mantissa bit, as in IEEE rounding.
std::uint8_t e2m1_code(float value) {
    const float magnitude = std::fabs(value);
    std::uint8_t best = 0;
    for (std::uint8_t code = 1; code < 8; ++code) {
        const float better = std::fabs(kE2M1[best] - magnitude) - std::fabs(kE2M1[code] - magnitude);
        if (better > 0 || (better == 0 && code % 2 == 0)) best = code;
    }
    return value < 0 ? static_cast<std::uint8_t>(best | 8U) : best;
}

void mxfp4(const float* values, std::byte* block) {
    const float largest = largest_magnitude(values);
    const int exponent = largest > 0 ? std::clamp(std::ilogb(largest) - 2, -127, 127) : -127;
    const float inverse = std::ldexp(1.0F, -exponent);
    block[0] = static_cast<std::byte>(exponent + 127);
    for (int j = 0; j < 16; ++j) {
        const unsigned low = e2m1_code(values[j] * inverse), high = e2m1_code(values[j + 16] * inverse);
        block[1 + j] = static_cast<std::byte>(low | high << 4);
    }
}

}  // namespace

void quantize(TensorType type, std::span<const float> values, std::span<std::byte> blocks) {
    const TypeTraits& shape = traits(type);
    const std::size_t count = values.size() / shape.block_elements;
    check(count * shape.block_elements == values.size() && count * shape.block_bytes == blocks.size(),
          "quantize: bytes and elements disagree");
    for (std::size_t i = 0; i < count; ++i) {
        const float* from = values.data() + i * shape.block_elements;
        std::byte* to = blocks.data() + i * shape.block_bytes;
        switch (type) {
            case TensorType::F32:
                std::memcpy(to, from, 4);
                break;
            case TensorType::F16:
                put_u16(to, half_from_float(*from));
                break;
            case TensorType::BF16:
                put_u16(to, bfloat_from_float(*from));
                break;
            case TensorType::Q8_0:
                q8_0(from, to);
                break;
            case TensorType::MXFP4:
                mxfp4(from, to);
                break;
            default:
                check(false, "quantize: a type that is only read");
        }
    }
}

}  // namespace gptoss::gguf

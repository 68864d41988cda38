#include "gguf/grid_types.h"

#include <bit>

#include "gguf/block_bytes.h"
#include "gguf/codebooks.h"

namespace gptoss::gguf {
namespace {

constexpr std::size_t kGroups = 8;  // of 32 elements, in a block

// Bit j of `signs` negates element j.
float with_sign(float magnitude, unsigned signs, std::size_t j) {
    return (signs >> j) & 1 ? -magnitude : magnitude;
}

// Seven stored signs; the eighth makes the number of minus signs even.
unsigned eight_signs(std::uint32_t seven) {
    seven &= 127;
    return seven | (static_cast<unsigned>(std::popcount(seven)) & 1U) << 7;
}

void put_iq1(std::uint16_t point, float scale, float shift, float* out) {
    for (std::size_t j = 0; j < 8; ++j)
        out[j] = scale * (static_cast<float>((point >> (2 * j)) & 3) - 1.0F + shift);
}
void put_iq2(std::uint16_t point, unsigned signs, float scale, float* out) {
    for (std::size_t j = 0; j < 8; ++j)
        out[j] = with_sign(scale * kIq2Magnitudes[(point >> (2 * j)) & 3], signs, j);
}
// `signs`: of these four elements, in the lowest bits.
void put_iq3(std::uint16_t point, const std::array<float, 8>& magnitudes, unsigned signs, float scale,
             float* out) {
    for (std::size_t j = 0; j < 4; ++j)
        out[j] = with_sign(scale * magnitudes[(point >> (3 * j)) & 7], signs, j);
}

// A group is four index bytes and a word: four times seven signs, then a scale of four bits.
void iq2_xxs(const std::byte* block, float* out) {
    for (std::size_t group = 0; group < kGroups; ++group) {
        const std::byte* bytes = block + 2 + 8 * group;
        const std::uint32_t word = load_u32(bytes + 4);
        const float scale = half(block, 0) * (0.5F + static_cast<float>(word >> 28)) * 0.25F;
        for (std::size_t l = 0; l < 4; ++l)
            put_iq2(kIq2XxsGrid[u8(bytes, l)], eight_signs(word >> (7 * l)), scale, out + 32 * group + 8 * l);
    }
}

// The scale nibble of sixteen elements, of IQ2_XS and IQ2_S.
float iq2_scale(const std::byte* block, const std::byte* scales, std::size_t group, std::size_t l) {
    const std::uint8_t pair = u8(scales, group);
    return half(block, 0) * (0.5F + static_cast<float>(l < 2 ? low(pair) : high(pair))) * 0.25F;
}

// Eight elements are a 16-bit word: nine bits of index, seven signs.
void iq2_xs(const std::byte* block, float* out) {
    for (std::size_t group = 0; group < kGroups; ++group)
        for (std::size_t l = 0; l < 4; ++l) {
            const unsigned word = load_u16(block + 2 + 8 * group + 2 * l);
            put_iq2(kIq2XsGrid[word & 511], eight_signs(word >> 9), iq2_scale(block, block + 66, group, l),
                    out + 32 * group + 8 * l);
        }
}

// Low index bytes, signs, two more index bits, scales.
void iq2_s(const std::byte* block, float* out) {
    for (std::size_t group = 0; group < kGroups; ++group)
        for (std::size_t l = 0; l < 4; ++l) {
            const unsigned more = (u8(block, 66 + group) >> (2 * l)) & 3U;
            const unsigned index = u8(block, 2 + 4 * group + l) | more << 8;
            put_iq2(kIq2SGrid[index], u8(block, 34 + 4 * group + l), iq2_scale(block, block + 74, group, l),
                    out + 32 * group + 8 * l);
        }
}

// Index bytes of four elements each, then a word a group: four times seven signs and a scale of four bits.
void iq3_xxs(const std::byte* block, float* out) {
    for (std::size_t group = 0; group < kGroups; ++group) {
        const std::uint32_t word = load_u32(block + 66 + 4 * group);
        const float scale = half(block, 0) * (0.5F + static_cast<float>(word >> 28)) * 0.5F;
        for (std::size_t four = 0; four < 8; ++four) {
            const unsigned signs = eight_signs(word >> (7 * (four / 2))) >> (4 * (four % 2));
            put_iq3(kIq3XxsGrid[u8(block, 2 + 8 * group + four)], kIq3XxsMagnitudes, signs, scale,
                    out + 32 * group + 4 * four);
        }
    }
}

// Low index bytes of four elements each, their ninth bits, signs, a scale nibble a group.
void iq3_s(const std::byte* block, float* out) {
    for (std::size_t group = 0; group < kGroups; ++group) {
        const std::uint8_t pair = u8(block, 106 + group / 2);
        const float scale =
            half(block, 0) * (1.0F + 2.0F * static_cast<float>(group % 2 == 0 ? low(pair) : high(pair)));
        for (std::size_t four = 0; four < 8; ++four) {
            const unsigned ninth = (u8(block, 66 + group) >> four) & 1U;
            const unsigned signs = u8(block, 74 + 4 * group + four / 2) >> (4 * (four % 2));
            put_iq3(kIq3SGrid[u8(block, 2 + 8 * group + four) | ninth << 8], kIq3SMagnitudes, signs, scale,
                    out + 32 * group + 4 * four);
        }
    }
}

// All values of a grid point are moved up or down by an eighth.
float iq1_shift(bool down) {
    return down ? -0.125F : 0.125F;
}

// Low index bytes; a word a group: four times three index bits, a scale of three bits, the shift's sign.
void iq1_s(const std::byte* block, float* out) {
    for (std::size_t group = 0; group < kGroups; ++group) {
        const unsigned word = load_u16(block + 34 + 2 * group);
        const float scale = half(block, 0) * static_cast<float>(2 * ((word >> 12) & 7) + 1);
        for (std::size_t l = 0; l < 4; ++l) {
            const unsigned index = u8(block, 2 + 4 * group + l) | ((word >> (3 * l)) & 7) << 8;
            put_iq1(kIq1Grid[index], scale, iq1_shift((word & 0x8000U) != 0), out + 32 * group + 8 * l);
        }
    }
}

// Low index bytes; nibbles of three index bits and the shift's sign; four words of four three-bit scales,
// whose highest nibbles together are the block's float16 scale.
void iq1_m(const std::byte* block, float* out) {
    const auto scale_word = [&](std::size_t i) { return unsigned{load_u16(block + 48 + 2 * i)}; };
    unsigned half_bits = 0;
    for (std::size_t i = 0; i < 4; ++i) half_bits |= (scale_word(i) >> 12) << (4 * i);
    const float block_scale = float_from_half(static_cast<std::uint16_t>(half_bits));
    for (std::size_t eight = 0; eight < 32; ++eight) {
        const unsigned sixteen = static_cast<unsigned>(eight / 2);
        const unsigned scale_bits = (scale_word(sixteen / 4) >> (3 * (sixteen % 4))) & 7;
        const std::uint8_t pair = u8(block, 32 + eight / 2);
        const auto nibble = static_cast<unsigned>(eight % 2 == 0 ? low(pair) : high(pair));
        put_iq1(kIq1Grid[u8(block, eight) | (nibble & 7) << 8],
                block_scale * static_cast<float>(2 * scale_bits + 1), iq1_shift((nibble & 8) != 0),
                out + 8 * eight);
    }
}

// A byte is a fraction of 256 whose first five ternary digits are five values.
float ternary_digit(std::uint8_t byte, unsigned power_of_three) {
    const unsigned rest = byte * power_of_three & 255U;
    return static_cast<float>(rest * 3 >> 8) - 1.0F;
}

// Runs of 32, 16 and (with four digits) 4 bytes; digit n of a run's bytes are consecutive elements.
void tq1_0(const std::byte* block, float* out) {
    const float scale = half(block, 52);
    const auto run = [&](std::size_t first_byte, std::size_t bytes, std::size_t digits) {
        unsigned power_of_three = 1;
        for (std::size_t digit = 0; digit < digits; ++digit, power_of_three *= 3)
            for (std::size_t i = 0; i < bytes; ++i)
                *out++ = scale * ternary_digit(u8(block, first_byte + i), power_of_three);
    };
    run(0, 32, 5);
    run(32, 16, 5);
    run(48, 4, 4);
}

void tq2_0(const std::byte* block, float* out) {
    const float scale = half(block, 64);
    for (std::size_t element = 0; element < 256; ++element) {
        const std::size_t part = element / 128, shift = element % 128 / 32 * 2;
        const int code = (u8(block, 32 * part + element % 32) >> shift) & 3;
        out[element] = scale * static_cast<float>(code - 1);
    }
}

}  // namespace

bool dequantize_grid_block(TensorType type, const std::byte* block, float* out) {
    switch (type) {
        case TensorType::IQ1_S:
            return iq1_s(block, out), true;
        case TensorType::IQ1_M:
            return iq1_m(block, out), true;
        case TensorType::IQ2_XXS:
            return iq2_xxs(block, out), true;
        case TensorType::IQ2_XS:
            return iq2_xs(block, out), true;
        case TensorType::IQ2_S:
            return iq2_s(block, out), true;
        case TensorType::IQ3_XXS:
            return iq3_xxs(block, out), true;
        case TensorType::IQ3_S:
            return iq3_s(block, out), true;
        case TensorType::TQ1_0:
            return tq1_0(block, out), true;
        case TensorType::TQ2_0:
            return tq2_0(block, out), true;
        default:
            return false;
    }
}

}  // namespace gptoss::gguf

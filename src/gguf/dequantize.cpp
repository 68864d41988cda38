// Layouts: ggml-common.h's structs, in words in docs/gguf.md. One function a layout, obvious before fast.
#include "gguf/dequantize.h"

#include "base/check.h"
#include "gguf/block_bytes.h"
#include "gguf/grid_types.h"

namespace gptoss::gguf {
namespace {

constexpr int kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// The 32-element nibble types: byte j holds element j low and element j + 16 high.
template <typename Value>
void nibbles(const std::byte* quants, float* out, Value value) {
    for (std::size_t j = 0; j < 16; ++j) {
        out[j] = value(low(u8(quants, j)), j);
        out[j + 16] = value(high(u8(quants, j)), j + 16);
    }
}

void mxfp4(const std::byte* block, float* out) {
    // As ggml has it: twice the value and half the scale, so that the scale 2^128 (byte 255) keeps zeros
    // zero.
    const float half_scale = half_of_e8m0(u8(block, 0));
    nibbles(block + 1, out, [&](int code, std::size_t) { return 2.0F * kE2M1[code] * half_scale; });
}

void q8_0(const std::byte* block, float* out) {
    const float scale = half(block, 0);
    for (std::size_t i = 0; i < 32; ++i) out[i] = scale * static_cast<float>(i8(block, 2 + i));
}

void q4_0(const std::byte* block, float* out) {
    const float scale = half(block, 0);
    nibbles(block + 2, out, [&](int code, std::size_t) { return scale * static_cast<float>(code - 8); });
}

void q4_1(const std::byte* block, float* out) {
    const float scale = half(block, 0), minimum = half(block, 2);
    nibbles(block + 4, out,
            [&](int code, std::size_t) { return scale * static_cast<float>(code) + minimum; });
}

// Bit t of the 32-bit word after the scales is bit 4 of element t.
int fifth_bit(const std::byte* bits, std::size_t element) {
    return ((u8(bits, element / 8) >> (element % 8)) & 1) << 4;
}

void q5_0(const std::byte* block, float* out) {
    const float scale = half(block, 0);
    nibbles(block + 6, out, [&](int code, std::size_t element) {
        return scale * static_cast<float>((code | fifth_bit(block + 2, element)) - 16);
    });
}

void q5_1(const std::byte* block, float* out) {
    const float scale = half(block, 0), minimum = half(block, 2);
    nibbles(block + 8, out, [&](int code, std::size_t element) {
        return scale * static_cast<float>(code | fifth_bit(block + 4, element)) + minimum;
    });
}

void iq4_nl(const std::byte* block, float* out) {
    const float scale = half(block, 0);
    nibbles(block + 2, out,
            [&](int code, std::size_t) { return scale * static_cast<float>(kIq4Values[code]); });
}

void iq4_xs(const std::byte* block, float* out) {
    const float scale = half(block, 0);
    const unsigned high_bits = load_u16(block + 2);
    for (std::size_t group = 0; group < 8; ++group) {
        const std::uint8_t pair = u8(block, 4 + group / 2);
        const int group_scale =
            (group % 2 ? high(pair) : low(pair)) | static_cast<int>((high_bits >> (2 * group)) & 3U) << 4;
        const float factor = scale * static_cast<float>(group_scale - 32);
        nibbles(block + 8 + 16 * group, out + 32 * group,
                [&](int code, std::size_t) { return factor * static_cast<float>(kIq4Values[code]); });
    }
}

// Six-bit scale and minimum number j (0-7) out of the twelve packed bytes of Q4_K and Q5_K.
void six_bit_pair(const std::byte* packed, std::size_t j, int& scale, int& minimum) {
    if (j < 4) {
        scale = u8(packed, j) & 63;
        minimum = u8(packed, j + 4) & 63;
    } else {
        scale = low(u8(packed, j + 4)) | (u8(packed, j - 4) >> 6) << 4;
        minimum = high(u8(packed, j + 4)) | (u8(packed, j) >> 6) << 4;
    }
}

void q4_k_or_q5_k(const std::byte* block, float* out, bool five_bits) {
    const float scale = half(block, 0), minimum_scale = half(block, 2);
    const std::byte* packed = block + 4;
    const std::byte* fifth = block + 16;
    const std::byte* quants = five_bits ? block + 48 : block + 16;
    for (std::size_t group = 0; group < 8; ++group) {  // chunk group / 2: low nibbles, then high nibbles
        int group_scale = 0, group_minimum = 0;
        six_bit_pair(packed, group, group_scale, group_minimum);
        for (std::size_t l = 0; l < 32; ++l) {
            const std::uint8_t byte = u8(quants, 32 * (group / 2) + l);
            int code = group % 2 ? high(byte) : low(byte);
            if (five_bits) code |= ((u8(fifth, l) >> group) & 1) << 4;
            out[32 * group + l] = scale * static_cast<float>(group_scale) * static_cast<float>(code) -
                                  minimum_scale * static_cast<float>(group_minimum);
        }
    }
}

void q6_k(const std::byte* block, float* out) {
    const float scale = half(block, 208);
    for (std::size_t element = 0; element < 256; ++element) {
        const std::size_t part = element / 128, within = element % 128, quarter = within / 32,
                          l = within % 32;
        const std::uint8_t byte = u8(block, 64 * part + l + (quarter % 2) * 32);
        const int low_bits = quarter < 2 ? low(byte) : high(byte);
        const int high_bits = (u8(block, 128 + 32 * part + l) >> (2 * quarter)) & 3;
        const int group_scale = i8(block, 192 + element / 16);
        out[element] =
            scale * static_cast<float>(group_scale) * static_cast<float>((low_bits | high_bits << 4) - 32);
    }
}

void q2_k(const std::byte* block, float* out) {
    const float scale = half(block, 80), minimum_scale = half(block, 82);
    for (std::size_t element = 0; element < 256; ++element) {
        const std::size_t part = element / 128, within = element % 128, shift = within / 32 * 2,
                          l = within % 32;
        const int code = (u8(block, 16 + 32 * part + l) >> shift) & 3;
        const std::uint8_t scales = u8(block, element / 16);
        out[element] = scale * static_cast<float>(low(scales)) * static_cast<float>(code) -
                       minimum_scale * static_cast<float>(high(scales));
    }
}

void q3_k(const std::byte* block, float* out) {
    const float scale = half(block, 108);
    for (std::size_t element = 0; element < 256; ++element) {
        const std::size_t part = element / 128, within = element % 128, shift = within / 32, l = within % 32;
        int code = (u8(block, 32 + 32 * part + l) >> (2 * shift)) & 3;
        if (!((u8(block, l) >> (4 * part + shift)) & 1)) code -= 4;
        const std::size_t t = element / 16;
        const std::uint8_t nibble_pair = u8(block, 96 + t % 8);
        const int low_bits = t < 8 ? low(nibble_pair) : high(nibble_pair);
        const int high_bits = (u8(block, 96 + 8 + t % 4) >> (2 * (t / 4))) & 3;
        out[element] =
            scale * static_cast<float>((low_bits | high_bits << 4) - 32) * static_cast<float>(code);
    }
}

void one_block(TensorType type, const std::byte* block, float* out) {
    switch (type) {
        case TensorType::F32:
            std::memcpy(out, block, 4);
            return;
        case TensorType::F16:
            *out = half(block, 0);
            return;
        case TensorType::BF16:
            *out = float_from_bfloat(load_u16(block));
            return;
        case TensorType::MXFP4:
            return mxfp4(block, out);
        case TensorType::Q8_0:
            return q8_0(block, out);
        case TensorType::Q4_0:
            return q4_0(block, out);
        case TensorType::Q4_1:
            return q4_1(block, out);
        case TensorType::Q5_0:
            return q5_0(block, out);
        case TensorType::Q5_1:
            return q5_1(block, out);
        case TensorType::IQ4_NL:
            return iq4_nl(block, out);
        case TensorType::IQ4_XS:
            return iq4_xs(block, out);
        case TensorType::Q4_K:
            return q4_k_or_q5_k(block, out, false);
        case TensorType::Q5_K:
            return q4_k_or_q5_k(block, out, true);
        case TensorType::Q6_K:
            return q6_k(block, out);
        case TensorType::Q2_K:
            return q2_k(block, out);
        case TensorType::Q3_K:
            return q3_k(block, out);
        default:
            check(dequantize_grid_block(type, block, out), "a TensorType outside its enum");
    }
}

}  // namespace

void dequantize(TensorType type, std::span<const std::byte> blocks, std::span<float> out) {
    const TypeTraits& shape = traits(type);
    const std::size_t count = out.size() / shape.block_elements;
    check(count * shape.block_elements == out.size(), "dequantize: a partial block");
    check(count * shape.block_bytes == blocks.size(), "dequantize: bytes and elements disagree");
    for (std::size_t i = 0; i < count; ++i)
        one_block(type, blocks.data() + i * shape.block_bytes, out.data() + i * shape.block_elements);
}

}  // namespace gptoss::gguf

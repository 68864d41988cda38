// The bits of an mxfp4 word on the card: whatever codes go in, the float16 pairs that come out are theirs.
#include "backend/cuda/mxfp4_words.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <random>

namespace gptoss::backend::cuda {
namespace {

constexpr std::array<float, 8> kMagnitudes = {0.0F, 0.5F, 1.0F, 1.5F, 2.0F, 3.0F, 4.0F, 6.0F};

float value_of(std::uint32_t float16) {
    const int exponent = static_cast<int>(float16 >> 10 & 31U), mantissa = static_cast<int>(float16 & 1023U);
    const float magnitude = exponent == 0
                                ? std::ldexp(static_cast<float>(mantissa), -24)
                                : std::ldexp(1.0F + static_cast<float>(mantissa) / 1024.0F, exponent - 15);
    return (float16 >> 15 & 1U) != 0 ? -magnitude : magnitude;
}

std::uint32_t unpacked(std::uint32_t word, unsigned pair) {
    return pair == 0   ? unpacked_mxfp4_pair<0>(word)
           : pair == 1 ? unpacked_mxfp4_pair<1>(word)
           : pair == 2 ? unpacked_mxfp4_pair<2>(word)
                       : unpacked_mxfp4_pair<3>(word);
}

void expect_right(std::uint32_t gguf_word) {
    const std::uint32_t word = regrouped_mxfp4_word(gguf_word);
    for (unsigned nibble = 0; nibble < 8; ++nibble) {
        const std::uint32_t code = gguf_word >> (4 * nibble) & 15U;
        ASSERT_EQ(mxfp4_code(word, nibble), code) << std::hex << gguf_word << " nibble " << nibble;
        const std::uint32_t half = unpacked(word, nibble % 4) >> (nibble / 4 * 16) & 0xFFFFU;
        ASSERT_EQ(half & ~0x8E00U, 0U) << "only a sign and three bits";
        ASSERT_EQ(value_of(half) * kMxfp4Unit, (code & 8U) != 0 ? -kMagnitudes[code & 7U] : kMagnitudes[code])
            << std::hex << gguf_word << " nibble " << nibble;
    }
}

TEST(Mxfp4Words, EveryCodeInEveryPlaceBesideAnyOthers) {
    std::mt19937 random(23);  // NOLINT(cert-msc51-cpp): the same words every time
    for (unsigned nibble = 0; nibble < 8; ++nibble)
        for (std::uint32_t code = 0; code < 16; ++code)
            for (int i = 0; i < 200; ++i)
                expect_right((static_cast<std::uint32_t>(random()) & ~(15U << (4 * nibble))) |
                             code << (4 * nibble));
}

TEST(Mxfp4Words, EqualCodesAndSingleBits) {
    for (std::uint32_t code = 0; code < 16; ++code) expect_right(code * 0x11111111U);
    for (unsigned bit = 0; bit < 32; ++bit) expect_right(1U << bit);
}

}  // namespace
}  // namespace gptoss::backend::cuda

// How a 32-bit word of packed mxfp4 weights holds its eight numbers.
//
// A GGUF block keeps 32 e2m1 codes in 16 bytes: byte j is element j in the low nibble and element j + 16 in
// the high one. Word w of a block stays the same 8 elements, bytes 4w .. 4w + 3, but its bits are changed at
// upload so that unpacking takes few instructions. The float16 with the bits sign, two of exponent and one of
// mantissa at 15 and 11 .. 9 is 2^-14 times the value of the code, the subnormal included.
//
//   pair k (k = 0 .. 3) is nibble k of the GGUF word (low half of the register) and nibble k + 4 (high half):
//     k = 0: elements 4w, 4w + 2          k = 1: elements 16 + 4w, 16 + 4w + 2
//     k = 2: elements 4w + 1, 4w + 3      k = 3: elements 16 + 4w + 1, 16 + 4w + 3
//   unpacking masks the bits 15 and 11 .. 9 of each half:
//     k = 0: word ^ word >> 3             k = 1: word ^ word << 2
//     k = 2: word << 6                    k = 3: word << 9
//
// A sign and its three bits lie apart, so four plain shifts cannot bring all of a word into place: at least two
// pairs would take two shifts and two masks each. Stored bits that are the exclusive or of two codes' bits cost
// nothing, because one LOP3 is an exclusive or and a mask: eight instructions for a word instead of eleven.
// Stored halves of the word are solved for at upload, one bit after another.
#pragma once

#include <cstdint>

#include "backend/sampling.h"

namespace gptoss::backend::cuda {

// What unpacked numbers must be multiplied with.
inline constexpr float kMxfp4Unit = 16384.0F;

// Pair k as two float16, 1 / kMxfp4Unit of their values.
template <int k>
GPTOSS_HOST_DEVICE constexpr std::uint32_t unpacked_mxfp4_pair(std::uint32_t word) {
    static_assert(k >= 0 && k < 4, "a word holds four pairs");
    constexpr std::uint32_t kMask = 0x8E008E00U;
    if (k == 0) return (word ^ word >> 3) & kMask;
    if (k == 1) return (word ^ word << 2) & kMask;
    return word << (k == 2 ? 6 : 9) & kMask;
}

// A half of the word whose pairs unpack to the four codes. `above`: bit 2 of the half above, which `word >> 3`
// brings to this half's bit 15; 0 for the high half.
GPTOSS_HOST_DEVICE constexpr std::uint32_t mxfp4_half(const std::uint32_t (&codes)[4], std::uint32_t above) {
    const auto bit = [&](int pair, int place) { return codes[pair] >> place & 1U; };  // 3 is the sign
    const std::uint32_t b9 = bit(2, 3), b11 = bit(1, 2) ^ b9, b7 = bit(1, 0) ^ b9;
    const std::uint32_t b15 = bit(0, 3) ^ above, b13 = bit(1, 3) ^ b15;
    const std::uint32_t b10 = bit(0, 1) ^ b13, b8 = bit(1, 1) ^ b10;
    const std::uint32_t b14 = bit(0, 2) ^ b11, b12 = bit(0, 0) ^ b9;
    return (codes[3] & 7U) | (codes[2] & 7U) << 3 | bit(3, 3) << 6 | b7 << 7 | b8 << 8 | b9 << 9 | b10 << 10 |
           b11 << 11 | b12 << 12 | b13 << 13 | b14 << 14 | b15 << 15;
}

GPTOSS_HOST_DEVICE constexpr std::uint32_t regrouped_mxfp4_word(std::uint32_t gguf_word) {
    std::uint32_t low[4] = {}, high[4] = {};
    for (unsigned pair = 0; pair < 4; ++pair) {
        low[pair] = gguf_word >> (4 * pair) & 15U;
        high[pair] = gguf_word >> (16 + 4 * pair) & 15U;
    }
    const std::uint32_t upper = mxfp4_half(high, 0);
    return upper << 16 | mxfp4_half(low, upper >> 2 & 1U);
}

// The code of nibble `nibble` of the GGUF word.
GPTOSS_HOST_DEVICE constexpr std::uint32_t mxfp4_code(std::uint32_t word, unsigned nibble) {
    const unsigned pair = nibble % 4;
    const std::uint32_t both = pair == 0   ? unpacked_mxfp4_pair<0>(word)
                               : pair == 1 ? unpacked_mxfp4_pair<1>(word)
                               : pair == 2 ? unpacked_mxfp4_pair<2>(word)
                                           : unpacked_mxfp4_pair<3>(word);
    const std::uint32_t half = both >> (nibble / 4 * 16);
    return (half >> 9 & 7U) | (half >> 12 & 8U);
}

static_assert(mxfp4_code(regrouped_mxfp4_word(0x7A83C5F1U), 0) == 0x1 &&
                  mxfp4_code(regrouped_mxfp4_word(0x7A83C5F1U), 3) == 0xC &&
                  mxfp4_code(regrouped_mxfp4_word(0x7A83C5F1U), 7) == 0x7,
              "what is put in comes out");

}  // namespace gptoss::backend::cuda

// How a 32-bit word of packed mxfp4 weights holds its eight numbers.
//
// A GGUF block keeps 32 e2m1 codes in 16 bytes: byte j is element j in the low nibble and element j + 16 in
// the high one. Word w of a block stays the same 8 elements, bytes 4w .. 4w + 3, but its bits are regrouped
// at upload so that unpacking takes few instructions of the pipe that is busiest: the float16 with the bits
// sign, two of exponent and one of mantissa at 15 and 11 .. 9 is 2^-14 times the value of the code, the
// subnormal included, and it comes out of a word by shifts to the left and masks alone.
//
//   pair k (k = 0 .. 3) is nibble k of the GGUF word (low half of the register) and nibble k + 4 (high half):
//     k = 0: elements 4w, 4w + 2          k = 1: elements 16 + 4w, 16 + 4w + 2
//     k = 2: elements 4w + 1, 4w + 3      k = 3: elements 16 + 4w + 1, 16 + 4w + 3
//   in each 16-bit half: the other three bits of pair k at bits 11 - 3k .. 9 - 3k, the signs of pairs 0 .. 3
//   at bits 15, 12, 14 and 13: pairs 0 and 1 then have theirs where one shift brings all four bits into place
#pragma once

#include <cstdint>

#include "backend/sampling.h"

namespace gptoss::backend::cuda {

// What unpacked numbers must be multiplied with.
inline constexpr float kMxfp4Unit = 16384.0F;

GPTOSS_HOST_DEVICE constexpr unsigned mxfp4_sign_bit(unsigned pair) {
    return pair == 0 ? 15 : pair == 1 ? 12 : pair == 2 ? 14 : 13;
}

GPTOSS_HOST_DEVICE constexpr std::uint32_t regrouped_mxfp4_word(std::uint32_t gguf_word) {
    std::uint32_t word = 0;
    for (unsigned nibble = 0; nibble < 8; ++nibble) {
        const std::uint32_t code = gguf_word >> (4 * nibble) & 15U;
        const unsigned pair = nibble % 4, half = nibble / 4 * 16;
        word |= (code & 7U) << (half + 9 - 3 * pair) | (code >> 3) << (half + mxfp4_sign_bit(pair));
    }
    return word;
}

// The code of nibble `nibble` of the GGUF word.
GPTOSS_HOST_DEVICE constexpr std::uint32_t mxfp4_code(std::uint32_t word, unsigned nibble) {
    const unsigned pair = nibble % 4, half = nibble / 4 * 16;
    return (word >> (half + 9 - 3 * pair) & 7U) | (word >> (half + mxfp4_sign_bit(pair)) & 1U) << 3;
}

static_assert(mxfp4_code(regrouped_mxfp4_word(0x7A83C5F1U), 0) == 0x1 &&
                  mxfp4_code(regrouped_mxfp4_word(0x7A83C5F1U), 3) == 0xC &&
                  mxfp4_code(regrouped_mxfp4_word(0x7A83C5F1U), 7) == 0x7,
              "what is put in comes out");

// Pair k as two float16, 1 / kMxfp4Unit of their values.
template <int k>
GPTOSS_HOST_DEVICE constexpr std::uint32_t unpacked_mxfp4_pair(std::uint32_t word) {
    if (k < 2) return word << (3 * k) & 0x8E008E00U;
    return (word << (3 * k) & 0x0E000E00U) | (word << (15 - mxfp4_sign_bit(k)) & 0x80008000U);
}

}  // namespace gptoss::backend::cuda

// What the o200k pattern asks about a character: which of its character classes it is in.
// Unicode 16.0, as in the regular expressions of tiktoken since 0.8 (regex-syntax 0.8.5).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gptoss {

// Each character is in exactly one of these; the pattern's bracket expressions are unions of them.
// tools/unicode_tables/generate.mjs writes the same values.
namespace character_set {
inline constexpr std::uint8_t kOther = 1;     // none of the below
inline constexpr std::uint8_t kMark = 2;      // \p{M}
inline constexpr std::uint8_t kUpper = 4;     // \p{Lu} \p{Lt}
inline constexpr std::uint8_t kLower = 8;     // \p{Ll}
inline constexpr std::uint8_t kLetter = 16;   // \p{Lm} \p{Lo}
inline constexpr std::uint8_t kNumber = 32;   // \p{N}
inline constexpr std::uint8_t kNewline = 64;  // \r \n
inline constexpr std::uint8_t kSpace = 128;   // the rest of \s
}  // namespace character_set

// Entry i is (first code point << 8 | set) and holds until entry i + 1. Generated.
inline constexpr std::size_t kCharacterRangeCount = 3194;
extern const std::array<std::uint32_t, kCharacterRangeCount> kCharacterRanges;

// Two-stage table made from the ranges once: most blocks of 128 code points are equal to another one, so
// what a text touches stays in the first-level cache.
class CharacterClasses {
  public:
    static const CharacterClasses& instance();

    // `code_point` < 0x110000.
    std::uint8_t of(std::uint32_t code_point) const {
        return sets_[blocks_[code_point >> kBlockBits] + (code_point & (kBlockSize - 1))];
    }
    std::uint8_t of_ascii(unsigned char byte) const { return ascii_[byte]; }

  private:
    static constexpr std::uint32_t kBlockBits = 7;
    static constexpr std::uint32_t kBlockSize = 1U << kBlockBits;

    CharacterClasses();
    std::array<std::uint8_t, 128> ascii_{};
    std::array<std::uint16_t, 0x110000 / kBlockSize> blocks_{};  // offset of the block in sets_
    std::vector<std::uint8_t> sets_;
};

}  // namespace gptoss

// Bytes in any pieces -> whole UTF-8 characters. Invalid bytes become U+FFFD, one for each maximal part of an
// ill-formed sequence (Unicode 15, section 3.9, table 3-7), as Rust's String::from_utf8_lossy does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gptoss::harmony {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

class Utf8Assembler {
  public:
    // Appends to `out` every character that is complete now; keeps the bytes of one that is not.
    void push(std::string_view bytes, std::string& out);

    // No more bytes will follow: an incomplete character becomes one U+FFFD.
    void flush(std::string& out);

    bool pending() const { return !held_.empty(); }

  private:
    std::string held_;            // at most three bytes: a valid but incomplete sequence
    std::uint8_t remaining_ = 0;  // continuation bytes still missing
    std::uint8_t lower_ = 0x80;   // range of the next continuation byte
    std::uint8_t upper_ = 0xBF;
};

}  // namespace gptoss::harmony

// Cuts text into the pieces that are merged on their own: the o200k pattern of tiktoken as a hand-written
// matcher. Linear in the text. Source: tiktoken_ext/openai_public.py (o200k_base).
#pragma once

#include "tokenizer/character_class.h"

namespace gptoss {

class PreTokenizer {
  public:
    PreTokenizer() : classes_(CharacterClasses::instance()) {}

    // End of the piece that starts at `begin`; begin < end. [begin, end) is well-formed UTF-8.
    // Never empty: each character starts a match of one of the seven alternatives.
    const char* piece_end(const char* begin, const char* end) const;

  private:
    struct Character {
        std::uint8_t set = 0;          // 0 past the end: in no set
        const char* behind = nullptr;  // where the next character starts
        bool is(std::uint8_t sets) const { return (set & sets) != 0; }
    };
    struct Word {
        const char* end = nullptr;        // nullptr: alternative 1 does not match
        const char* upper_end = nullptr;  // end of the upper-or-neutral run
    };
    Character at(const char* position, const char* end) const;
    const char* skip(const char* position, const char* end, std::uint8_t sets) const;
    Word word(const char* begin, const char* end) const;
    const char* space_end(const char* begin, const char* end) const;

    const CharacterClasses& classes_;
};

}  // namespace gptoss

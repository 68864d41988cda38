// The inside of a JSON string, byte by byte: which bytes may follow and when a character is complete. Only
// valid UTF-8, only the escapes of RFC 8259, surrogates only in pairs.
#pragma once

#include <cstdint>

namespace gptoss::grammar {

namespace string_lexer {

enum State : std::uint8_t {
    kText,  // between characters
    kEscape,
    kHex4,  // hexadecimal digits that are missing behind \u
    kHex3,
    kHex2,
    kHex1,
    kHexAfterD,  // \uD: the next digit decides whether it is a surrogate
    kHigh2,      // of the first half of a pair
    kHigh1,
    kLowBackslash,  // the second half must follow
    kLowU,
    kLowD,
    kLowC,
    kLow2,
    kLow1,
    kContinue1,  // UTF-8 continuation bytes that are missing
    kContinue2,
    kContinue3,
    kAfterE0,  // ranges of the second byte, Unicode table 3-7
    kAfterED,
    kAfterF0,
    kAfterF4,
    kClosed,  // behind the closing quote
    kDead,
};

inline constexpr int kStates = kClosed;

// A character is complete when another state leads to kText; a plain character leads from kText to kText.
State next(State state, std::uint8_t byte);

}  // namespace string_lexer

}  // namespace gptoss::grammar

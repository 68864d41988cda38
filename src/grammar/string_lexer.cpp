#include "grammar/string_lexer.h"

#include <string_view>

namespace gptoss::grammar::string_lexer {
namespace {

bool between(std::uint8_t byte, int low, int high) {
    return byte >= low && byte <= high;
}

int hex_value(std::uint8_t byte) {
    if (between(byte, '0', '9')) return byte - '0';
    if (between(byte, 'a', 'f')) return byte - 'a' + 10;
    if (between(byte, 'A', 'F')) return byte - 'A' + 10;
    return -1;
}

State next_in_text(std::uint8_t byte) {
    if (byte == '"') return kClosed;
    if (byte == '\\') return kEscape;
    if (between(byte, 0x20, 0x7F)) return kText;
    if (between(byte, 0xC2, 0xDF)) return kContinue1;
    if (byte == 0xE0) return kAfterE0;
    if (byte == 0xED) return kAfterED;
    if (between(byte, 0xE1, 0xEF)) return kContinue2;
    if (byte == 0xF0) return kAfterF0;
    if (byte == 0xF4) return kAfterF4;
    if (between(byte, 0xF1, 0xF3)) return kContinue3;
    return kDead;
}

}  // namespace

State next(State state, std::uint8_t byte) {
    const auto require = [](bool fits, State to) { return fits ? to : kDead; };
    const bool is_hex = hex_value(byte) >= 0;
    const bool continues = between(byte, 0x80, 0xBF);
    switch (state) {
        case kText:
            return next_in_text(byte);
        case kEscape:
            if (byte == 'u') return kHex4;
            return require(
                std::string_view("\"\\/bfnrt").find(static_cast<char>(byte)) != std::string_view::npos,
                kText);
        case kHex4:
            return require(is_hex, hex_value(byte) == 0xD ? kHexAfterD : kHex3);
        case kHex3:
            return require(is_hex, kHex2);
        case kHex2:
            return require(is_hex, kHex1);
        case kHex1:
            return require(is_hex, kText);
        case kHexAfterD:
            if (hex_value(byte) < 8) return require(is_hex, kHex2);
            return require(hex_value(byte) < 0xC, kHigh2);  // a second half may not come first
        case kHigh2:
            return require(is_hex, kHigh1);
        case kHigh1:
            return require(is_hex, kLowBackslash);
        case kLowBackslash:
            return require(byte == '\\', kLowU);
        case kLowU:
            return require(byte == 'u', kLowD);
        case kLowD:
            return require(hex_value(byte) == 0xD, kLowC);
        case kLowC:
            return require(hex_value(byte) >= 0xC, kLow2);
        case kLow2:
            return require(is_hex, kLow1);
        case kLow1:
            return require(is_hex, kText);
        case kContinue1:
            return require(continues, kText);
        case kContinue2:
            return require(continues, kContinue1);
        case kContinue3:
            return require(continues, kContinue2);
        case kAfterE0:
            return require(between(byte, 0xA0, 0xBF), kContinue1);
        case kAfterED:
            return require(between(byte, 0x80, 0x9F), kContinue1);
        case kAfterF0:
            return require(between(byte, 0x90, 0xBF), kContinue2);
        case kAfterF4:
            return require(between(byte, 0x80, 0x8F), kContinue2);
        case kClosed:
        case kDead:
            return kDead;
    }
    return kDead;
}

}  // namespace gptoss::grammar::string_lexer

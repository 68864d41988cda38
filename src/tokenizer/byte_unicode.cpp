#include "tokenizer/byte_unicode.h"

#include <array>
#include <cstdint>

namespace gptoss {
namespace {

constexpr std::uint32_t kFirstSubstitute = 0x100;
constexpr std::uint32_t kSubstitutes = 68;

constexpr bool stands_for_itself(std::uint32_t byte) {
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
    std::array<std::uint16_t, 256> code_point{};                          // by byte
    std::array<std::int16_t, kFirstSubstitute + kSubstitutes> byte_of{};  // by code point; -1 = none
};

constexpr Alphabet make_alphabet() {
    Alphabet alphabet;
    for (auto& byte : alphabet.byte_of) byte = -1;
    std::uint32_t substitute = kFirstSubstitute;
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        const std::uint32_t code_point = stands_for_itself(byte) ? byte : substitute++;
        alphabet.code_point[byte] = static_cast<std::uint16_t>(code_point);
        alphabet.byte_of[code_point] = static_cast<std::int16_t>(byte);
    }
    return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();
static_assert(kAlphabet.code_point[' '] == 0x120 && kAlphabet.code_point['\n'] == 0x10A,
              "as in the published files");

}  // namespace

bool append_bytes_from_spelling(std::string_view spelling, std::string& out) {
    for (std::size_t i = 0; i < spelling.size(); ++i) {
        std::uint32_t code_point = static_cast<unsigned char>(spelling[i]);
        if (code_point >= 0x80) {
            // The alphabet ends below U+0800: two bytes each.
            if (code_point < 0xC2 || code_point > 0xDF || i + 1 == spelling.size()) return false;
            const auto second = static_cast<unsigned char>(spelling[++i]);
            if ((second & 0xC0) != 0x80) return false;
            code_point = (code_point & 0x1F) << 6 | (second & 0x3FU);
        }
        if (code_point >= kAlphabet.byte_of.size() || kAlphabet.byte_of[code_point] < 0) return false;
        out.push_back(static_cast<char>(kAlphabet.byte_of[code_point]));
    }
    return true;
}

std::string spelling_from_bytes(std::string_view bytes) {
    std::string spelling;
    for (const char byte : bytes) {
        const std::uint32_t code_point = kAlphabet.code_point[static_cast<unsigned char>(byte)];
        if (code_point < 0x80) {
            spelling.push_back(static_cast<char>(code_point));
        } else {
            spelling.push_back(static_cast<char>(0xC0 | code_point >> 6));
            spelling.push_back(static_cast<char>(0x80 | (code_point & 0x3F)));
        }
    }
    return spelling;
}

}  // namespace gptoss

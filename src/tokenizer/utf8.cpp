#include "tokenizer/utf8.h"

#include <cstring>

namespace gptoss {

std::size_t valid_utf8_length(std::string_view text) {
    const std::size_t size = text.size();
    const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto continues = [&](std::size_t i) { return i < size && (byte(i) & 0xC0) == 0x80; };
    std::size_t at = 0;
    while (at < size) {
        const unsigned char lead = byte(at);
        if (lead < 0x80) {
            // Eight ASCII bytes at a time: most texts are long runs of them.
            std::uint64_t eight;
            while (at + sizeof eight <= size) {
                std::memcpy(&eight, text.data() + at, sizeof eight);
                if (eight & 0x8080808080808080U) break;
                at += sizeof eight;
            }
            while (at < size && byte(at) < 0x80) ++at;
        } else if (lead >= 0xC2 && lead <= 0xDF) {
            if (!continues(at + 1)) return at;
            at += 2;
        } else if (lead >= 0xE0 && lead <= 0xEF) {
            if (!continues(at + 1) || !continues(at + 2)) return at;
            const unsigned char second = byte(at + 1);
            if (lead == 0xE0 && second < 0xA0) return at;   // overlong
            if (lead == 0xED && second >= 0xA0) return at;  // surrogate
            at += 3;
        } else if (lead >= 0xF0 && lead <= 0xF4) {
            if (!continues(at + 1) || !continues(at + 2) || !continues(at + 3)) return at;
            const unsigned char second = byte(at + 1);
            if (lead == 0xF0 && second < 0x90) return at;   // overlong
            if (lead == 0xF4 && second >= 0x90) return at;  // above U+10FFFF
            at += 4;
        } else {
            return at;
        }
    }
    return at;
}

}  // namespace gptoss

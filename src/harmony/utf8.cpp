#include "harmony/utf8.h"

namespace gptoss::harmony {

void Utf8Assembler::push(std::string_view bytes, std::string& out) {
    for (const char character : bytes) {
        const auto byte = static_cast<std::uint8_t>(character);
        if (remaining_ > 0) {
            if (byte >= lower_ && byte <= upper_) {
                held_ += character;
                lower_ = 0x80;
                upper_ = 0xBF;
                if (--remaining_ == 0) {
                    out += held_;
                    held_.clear();
                }
                continue;
            }
            flush(out);  // the sequence broke off; this byte starts anew
        }
        if (byte < 0x80) {
            out += character;
            continue;
        }
        if (byte >= 0xC2 && byte <= 0xDF) {
            remaining_ = 1;
        } else if (byte >= 0xE0 && byte <= 0xEF) {
            remaining_ = 2;
            if (byte == 0xE0) lower_ = 0xA0;  // shorter forms exist
            if (byte == 0xED) upper_ = 0x9F;  // surrogates
        } else if (byte >= 0xF0 && byte <= 0xF4) {
            remaining_ = 3;
            if (byte == 0xF0) lower_ = 0x90;  // shorter forms exist
            if (byte == 0xF4) upper_ = 0x8F;  // beyond U+10FFFF
        } else {
            out += kReplacementCharacter;
            continue;
        }
        held_ = character;
    }
}

void Utf8Assembler::flush(std::string& out) {
    if (!held_.empty()) out += kReplacementCharacter;
    held_.clear();
    remaining_ = 0;
    lower_ = 0x80;
    upper_ = 0xBF;
}

}  // namespace gptoss::harmony

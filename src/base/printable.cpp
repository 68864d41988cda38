#include "base/printable.h"

namespace gptoss {

namespace {

constexpr std::string_view kIndent = "  ";

bool is_control(unsigned char byte) {
    return byte < 0x20 || byte == 0x7f;
}

// U+0080 to U+009F, which terminals obey, too: their second byte in UTF-8, behind 0xc2.
bool is_second_of_control(std::string_view text, std::size_t at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    return at > 0 && static_cast<unsigned char>(text[at - 1]) == 0xc2 && byte >= 0x80 && byte < 0xa0;
}

}  // namespace

std::string printable(std::string_view text) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte == '\n') {
            out += '\n';
            if (i + 1 < text.size() && !text.substr(i + 1).starts_with(kIndent)) out += kIndent;
        } else if (byte == '\t' || (!is_control(byte) && !is_second_of_control(text, i))) {
            out += text[i];
        } else {
            if (byte >= 0x80) out.pop_back();  // what it continues goes with it
            out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
        }
    }
    return out;
}

}  // namespace gptoss

#include "provenance/url.h"

namespace gptoss::provenance {
namespace {

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

std::string encoded(std::string_view text, bool keep_slashes) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        if (is_unreserved(c) || (keep_slashes && c == '/')) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
    return out;
}

}  // namespace

std::string encoded_segment(std::string_view segment) {
    return encoded(segment, false);
}

std::string encoded_path(std::string_view path) {
    return encoded(path, true);
}

}  // namespace gptoss::provenance

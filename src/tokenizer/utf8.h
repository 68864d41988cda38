// UTF-8 as the tokenizer needs it: how far a text is valid, and fast decoding where it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gptoss {

// Bytes before the first that is not part of a well-formed sequence (no overlong forms, no surrogates,
// nothing above U+10FFFF, no sequence cut short). Equal to valid_up_to() of Rust's from_utf8, which tiktoken
// relies on.
std::size_t valid_utf8_length(std::string_view text);

struct CodePoint {
    std::uint32_t value;
    std::uint32_t length_bytes;
};

// The code point at `bytes`, which must start a well-formed sequence.
inline CodePoint decode_utf8(const char* bytes) {
    const auto byte = [bytes](int i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]));
    };
    const std::uint32_t lead = byte(0);
    if (lead < 0x80) return {lead, 1};
    if (lead < 0xE0) return {(lead & 0x1F) << 6 | (byte(1) & 0x3F), 2};
    if (lead < 0xF0) return {(lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
    return {(lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F), 4};
}

}  // namespace gptoss

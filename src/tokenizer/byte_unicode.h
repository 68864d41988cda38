// The printable spelling GPT-2 gave to bytes, in which GGUF files store tokens: bytes 21-7E, A1-AC and AE-FF
// stand for themselves as code points, the other 68, ascending, are U+0100 and up (space U+0120, newline
// U+010A).
#pragma once

#include <string>
#include <string_view>

namespace gptoss {

// Appends the bytes that `spelling` stands for to `out`; false (and `out` in any state) when it has a
// character outside the alphabet.
bool append_bytes_from_spelling(std::string_view spelling, std::string& out);

// The spelling of any bytes.
std::string spelling_from_bytes(std::string_view bytes);

}  // namespace gptoss

// Bytes as text, as S5 writes them. Multibase: a letter that names the alphabet, then the digits.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "provenance/s5/byte_view.h"

namespace gptoss::provenance::s5 {

enum class Base : char { base32 = 'b', base58btc = 'z', base64url = 'u', base16 = 'f' };

// Lower case where the alphabet has it, no padding. Base 58 takes quadratic time: identifiers, not files.
std::string to_multibase(ByteView bytes, Base base);

// Nothing for another letter, a digit outside the alphabet, or bits left over that are not zero. At most 4,096
// characters.
std::optional<Bytes> from_multibase(std::string_view text);

// Without the letter.
std::string to_base64url(ByteView bytes);
std::optional<Bytes> from_base64url(std::string_view text);

// The other alphabet, with padding, as tus writes metadata.
std::string to_base64(ByteView bytes);

}  // namespace gptoss::provenance::s5

// Seed phrases of S5: thirteen words for 128 bits (twelve of ten bits, one of eight), two words of checksum.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "provenance/s5/byte_view.h"

namespace gptoss::provenance::s5 {

using Entropy = std::array<std::uint8_t, 16>;

// The three first letters of a word are enough; case and the kind of blanks do not matter. Throws
// Error(setting_invalid) that names `setting` and the place of the wrong word, never a word.
Entropy entropy_of_phrase(std::string_view phrase, const std::string& setting);

// The fifteen words, whole, lower case, with one blank between them.
std::string phrase_of_entropy(const Entropy& entropy);

}  // namespace gptoss::provenance::s5

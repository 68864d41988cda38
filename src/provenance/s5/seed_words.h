// The words that seed phrases are made of.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace gptoss::provenance::s5 {

inline constexpr std::size_t kSeedWords = 1024;

// In alphabetical order; the first three letters of each are its own.
const std::array<std::string_view, kSeedWords>& seed_words();

}  // namespace gptoss::provenance::s5

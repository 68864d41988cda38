// For errors about a name that nobody knows: which name was probably meant.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace gptoss {

// The only name that begins with `word`, or the one that the fewest typing errors lead to (letters added, left out or
// replaced); nothing when the nearest is more than a third of the word's letters away.
std::optional<std::string> nearest_name(std::string_view word, std::span<const std::string> names);

}  // namespace gptoss

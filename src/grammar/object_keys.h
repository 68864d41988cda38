// Keys of an object that are not among its listed properties.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "grammar/byte_dfa.h"

namespace gptoss::grammar {

// Reads a key behind its opening quote, up to and including the closing one. Refuses the names given, and
// escapes as long as what was read could still become one of them: a listed name can not be spelled in
// another way. Nothing when the names are too long altogether.
std::optional<ByteDfa> keys_except(const std::vector<std::string>& names);

}  // namespace gptoss::grammar

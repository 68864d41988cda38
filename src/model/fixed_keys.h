// The metadata keys that could change what is computed. hyperparameters.cpp reads those whose value is a
// matter of shape; every other key of the architecture either has the one value that this node computes with,
// or the file is refused: a key is never ignored because it is not known.
#pragma once

#include <string_view>

#include "gguf/metadata.h"
#include "model/hyperparameters.h"

namespace gptoss::model {

inline constexpr std::string_view kKeyPrefix = "gpt-oss.";

// Throws Error(file_unsupported) naming the first `gpt-oss.` key that asks for something else than `shape`
// computes, or that is not known here.
void check_fixed_keys(const gguf::Metadata& metadata, const Hyperparameters& shape);

}  // namespace gptoss::model

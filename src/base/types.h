// Names every room shares.
#pragma once

#include <cstdint>

namespace gptoss {

// Index into the model's vocabulary. Negative values are never tokens; rooms give them meanings of their own.
using TokenId = std::int32_t;

}  // namespace gptoss

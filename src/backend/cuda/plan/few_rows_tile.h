// The tile of a dense product with mma.sync for few tokens: few tokens make few tiles, and every SM should have one.
#pragma once

#include <cstdint>

namespace gptoss::backend::cuda {

inline constexpr std::int32_t kFewWeightRows = 64, kTokensOfFewWeightRows = 64;

}  // namespace gptoss::backend::cuda

// The widths of both published models, for which some kernels are made.
#pragma once

#include <cstdint>

namespace gptoss::backend::cuda {

inline constexpr std::int32_t kPublishedColumns = 2880;  // hidden and intermediate size
inline constexpr std::int32_t kPublishedQueryWidth = 4096;

}  // namespace gptoss::backend::cuda

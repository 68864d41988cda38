// Weights that are no numbers: an infinity or a NaN in a model's file makes every answer nonsense, so such a file
// is refused where its weights are read.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "gguf/types.h"

namespace gptoss::gguf {

// Whether all values of whole `blocks` are finite. A block of MXFP4 whose scale is byte 255, a NaN in the standard,
// is finite only when its weights are zeros.
bool all_finite(TensorType type, std::span<const std::byte> blocks);

// Throws Error(file_corrupt) that names `place` ("tensor blk.0.ffn_up_exps.weight").
[[noreturn]] void refuse_not_finite(std::string_view place, TensorType type);

}  // namespace gptoss::gguf

// The types of one and a half to three and a half bits a value: those that choose grid points (IQ1, IQ2, IQ3)
// and the ternary ones (TQ). All have blocks of 256 elements. Layouts: docs/gguf.md.
#pragma once

#include <cstddef>

#include "gguf/types.h"

namespace gptoss::gguf {

// `block` holds one block of `type`, `out` takes 256 values. False when `type` is none of these.
bool dequantize_grid_block(TensorType type, const std::byte* block, float* out);

}  // namespace gptoss::gguf

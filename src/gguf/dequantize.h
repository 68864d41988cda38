// The slow, obvious reference for every block layout: what the stored bytes mean, in float32.
// Fast kernels are tested against it. Layouts: docs/gguf.md.
#pragma once

#include <cstddef>
#include <span>

#include "gguf/types.h"

namespace gptoss::gguf {

// `blocks` holds out.size() / block_elements whole blocks of `type`; out.size() is a multiple of
// block_elements.
void dequantize(TensorType type, std::span<const std::byte> blocks, std::span<float> out);

// Rounds `values` into blocks of `type`. F32, F16, BF16, Q8_0 and MXFP4 only: what the writer, the demo model
// and the synthetic models need. MXFP4 picks the shared exponent floor(log2(max |x|)) - 2 and rounds to
// nearest even.
void quantize(TensorType type, std::span<const float> values, std::span<std::byte> blocks);

}  // namespace gptoss::gguf

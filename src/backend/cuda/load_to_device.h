// Brings a file's weights onto the device: many threads read the mapped file into pinned buffers, each sends
// its buffers on a stream of its own, and the device puts the rows where they belong.
#pragma once

#include <cstdint>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/weights.h"
#include "model/weights.h"

namespace gptoss::backend::cuda {

// `threads` = 0: up to 16. `range`: the last layers, with the head; empty = all. Throws Error(does_not_fit),
// Error(file_unsupported), Error(device_failed), Error(file_corrupt) for weights that are no finite numbers.
DeviceWeights load_to_device(const model::Weights& weights, std::int32_t threads,
                             const LoadProgress& progress, model::LayerRange range = {});

}  // namespace gptoss::backend::cuda

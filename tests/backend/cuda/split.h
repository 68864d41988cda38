// The last layers on the GPU and the first ones on the CPU, as GPU_LAYERS asks for it.
#pragma once

#include <memory>
#include <utility>

#include "backend/cuda/cuda_backend.h"
#include "backend/split_backend.h"

namespace gptoss::backend::test {

inline std::unique_ptr<Backend> make_cuda_split(const model::Weights& weights, const BackendOptions& options,
                                                std::int32_t gpu_layers) {
    const std::int32_t layers = weights.hyperparameters.layers;
    BackendOptions lower = options, upper = options;
    lower.layers = {0, layers - gpu_layers};
    upper.layers = {layers - gpu_layers, layers};
    auto gpu = make_cuda_backend(weights, upper);
    return make_split_backend(make_cpu_lower_layers(weights, lower), std::move(gpu), options);
}

}  // namespace gptoss::backend::test

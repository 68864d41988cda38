// What a GPU would be given with GPU_LAYERS, without one: the last layers by another backend of the CPU.
#pragma once

#include <memory>

#include "backend/split_backend.h"

namespace gptoss::node {

inline std::unique_ptr<backend::Backend> make_in_two_halves(const model::Weights& weights,
                                                            const backend::BackendOptions& options) {
    const model::LayerRange last = model::device_layers(weights.hyperparameters, options.plan.request);
    if (last.first == 0) return backend::make_cpu_backend(weights, options);
    backend::BackendOptions lower = options, upper = options;
    lower.layers = {0, last.first};
    upper.layers = last;
    return backend::make_split_backend(backend::make_cpu_lower_layers(weights, lower),
                                       backend::make_cpu_backend(weights, upper), options);
}

}  // namespace gptoss::node

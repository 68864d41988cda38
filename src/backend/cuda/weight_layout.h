// Where every matrix goes in device memory, before anything is there: the same for a file's weights and for
// synthetic ones, and what the memory plan counts.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/cuda/weights.h"
#include "model/weights.h"

namespace gptoss::backend::cuda {

struct WeightTypes {
    struct Layer {
        WeightFormat qkv{}, output{}, gate_up{}, down{};
        bool router_is_bf16 = true;  // every value of the router is exact in bfloat16
    };
    WeightFormat embedding{}, lm_head{};
    model::LayerRange range;  // to lay out: the last layers, or all. The embedding belongs to the first layer
    std::vector<Layer> layers;  // of the range
};

// As ggml-org publishes them: dense part q8_0, experts mxfp4.
WeightTypes published_types(const model::Hyperparameters& shape);
WeightTypes published_types(const model::LayerRange& range);
// As a file has them (weights.h says what becomes of each of its types). Reads F32 matrices to the end.
WeightTypes types_of(const model::Weights& weights, const model::LayerRange& range);

std::int64_t device_weight_bytes(const model::Hyperparameters& shape, const WeightTypes& types);

// Claims the memory, sets every pointer, clears everything (padding must be zero). Throws
// Error(does_not_fit), Error(file_unsupported) for shapes the kernels do not take.
DeviceWeights allocate_weights(const model::Hyperparameters& shape, const WeightTypes& types);

}  // namespace gptoss::backend::cuda

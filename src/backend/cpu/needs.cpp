#include "backend/needs.h"

#include <fstream>
#include <string>

namespace gptoss::backend {
namespace {

// MemAvailable counts the page cache that the kernel would give up, which is what a mapped model lives in.
std::int64_t available_memory_bytes() {
    std::ifstream file("/proc/meminfo");
    std::string name, unit;
    std::int64_t kilobytes = 0;
    while (file >> name >> kilobytes && std::getline(file, unit))
        if (name == "MemAvailable:") return kilobytes * 1024;
    return 0;
}

// Of the forward pass, without the logits.
std::int64_t activation_bytes(const model::Hyperparameters& shape, const model::PlanRequest& request) {
    // What forward.cpp claims for a row: residual stream, q, k, v, rope angles and router scores in float32;
    // the inputs of matrices as float32 and 16-bit integers with 8 bytes for 32 values (activations.h).
    const std::int64_t floats =
        shape.hidden + shape.query_width() + 2LL * shape.kv_width() + shape.head_size + shape.experts;
    const std::int64_t inputs =
        shape.hidden + shape.query_width() + std::int64_t{shape.experts_per_token} * shape.intermediate_size;
    const std::int64_t row_bytes = 4 * floats + 6 * inputs + inputs / 4;
    return request.max_batch_tokens * row_bytes;
}

// Of a file's layer; norms, biases and sinks are float32 and have no Matrix.
std::int64_t layer_bytes(const model::LayerWeights& layer, const model::Hyperparameters& shape) {
    std::int64_t bytes = 4LL * (3 * shape.hidden + shape.query_width() + 2 * shape.kv_width() +
                                shape.query_heads + shape.experts);
    bytes += 4LL * shape.experts * (2 * shape.intermediate_size + shape.hidden);
    for (const model::Matrix* matrix : {&layer.query, &layer.key, &layer.value, &layer.attention_output,
                                        &layer.router, &layer.gate, &layer.up, &layer.down})
        bytes += static_cast<std::int64_t>(matrix->tensor->data.size());
    return bytes;
}

model::HostShare share_of(const model::Hyperparameters& shape, const model::PlanRequest& request,
                          std::int64_t weight_bytes) {
    model::HostShare share;
    share.weight_bytes = weight_bytes;
    share.workspace_bytes = activation_bytes(shape, request);
    share.free_bytes = available_memory_bytes();
    return share;
}

}  // namespace

DeviceNeeds cpu_needs(const model::Hyperparameters& shape, const model::PlanRequest& request) {
    const std::int64_t logits_bytes =
        2LL * 4 * request.max_sequences * shape.vocabulary;  // and a copy to sample from
    return {"CPU", activation_bytes(shape, request) + logits_bytes, 0, available_memory_bytes()};
}

model::HostShare cpu_share(const model::Hyperparameters& shape, const model::PlanRequest& request) {
    const std::int32_t layers = model::device_layers(shape, request).first;
    if (layers == 0) return {};
    return share_of(shape, request,
                    layers * model::published_layer_bytes(shape) + model::published_embedding_bytes(shape));
}

model::HostShare cpu_share(const model::Weights& weights, const model::PlanRequest& request) {
    const model::Hyperparameters& shape = weights.hyperparameters;
    const std::int32_t layers = model::device_layers(shape, request).first;
    if (layers == 0) return {};
    auto bytes = static_cast<std::int64_t>(weights.embedding.tensor->data.size());
    for (std::int32_t layer = 0; layer < layers; ++layer) bytes += layer_bytes(weights.layers[layer], shape);
    return share_of(shape, request, bytes);
}

}  // namespace gptoss::backend

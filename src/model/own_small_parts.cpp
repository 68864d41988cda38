#include "model/own_small_parts.h"

#include <string>

#include "gguf/finite_weights.h"

namespace gptoss::model {
namespace {

class Copier {
  public:
    explicit Copier(OwnedParts& owned) : owned_(owned) {}

    // Where what comes next belongs, for errors.
    void at(std::string place) { place_ = std::move(place); }
    void floats(const float*& values, std::int64_t count) {
        if (values == nullptr) return;
        const auto bytes = std::as_bytes(std::span(values, static_cast<std::size_t>(count)));
        if (!gguf::all_finite(gguf::TensorType::F32, bytes))
            gguf::refuse_not_finite("a norm, bias or sink of " + place_, gguf::TensorType::F32);
        values = reinterpret_cast<const float*>(
            owned_.bytes.emplace_back(bytes.begin(), bytes.end()).data());  // as operator new aligns
    }
    void matrix(Matrix& matrix) {
        if (!gguf::all_finite(matrix.tensor->type, matrix.tensor->data))
            gguf::refuse_not_finite("tensor " + matrix.tensor->name, matrix.tensor->type);
        gguf::Tensor& copy = owned_.tensors.emplace_back(*matrix.tensor);
        copy.data = owned_.bytes.emplace_back(copy.data.begin(), copy.data.end());
        matrix.tensor = &copy;
    }

  private:
    OwnedParts& owned_;
    std::string place_ = "the model";
};

}  // namespace

Weights own_small_parts(const Weights& weights, const LayerRange& range) {
    Weights result = weights;
    result.owned = std::make_shared<OwnedParts>();
    const Hyperparameters& shape = result.hyperparameters;
    Copier copy(*result.owned);
    if (range.first == 0) copy.matrix(result.embedding);
    copy.floats(result.output_norm, shape.hidden);
    const std::int64_t expert_rows = std::int64_t{shape.experts} * shape.intermediate_size;
    for (std::int32_t index = range.first; index < range.end; ++index) {
        LayerWeights& layer = result.layers[static_cast<std::size_t>(index)];
        copy.at("layer " + std::to_string(index));
        copy.floats(layer.attention_norm, shape.hidden);
        copy.floats(layer.query_bias, shape.query_width());
        copy.floats(layer.key_bias, shape.kv_width());
        copy.floats(layer.value_bias, shape.kv_width());
        copy.floats(layer.sinks, shape.query_heads);
        copy.floats(layer.attention_output_bias, shape.hidden);
        copy.floats(layer.expert_norm, shape.hidden);
        copy.floats(layer.router_bias, shape.experts);
        copy.floats(layer.gate_bias, expert_rows);
        copy.floats(layer.up_bias, expert_rows);
        copy.floats(layer.down_bias, std::int64_t{shape.experts} * shape.hidden);
    }
    return result;
}

}  // namespace gptoss::model

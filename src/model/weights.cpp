#include "model/weights.h"

#include <string>

#include "base/error.h"

namespace gptoss::model {
namespace {

std::string describe(const gguf::Tensor& tensor) {
    std::string shape = "[" + std::to_string(tensor.shape[0]);
    for (std::uint32_t i = 1; i < tensor.dimensions; ++i) shape += ", " + std::to_string(tensor.shape[i]);
    return shape + "] " + std::string(gguf::traits(tensor.type).name);
}

class Finder {
  public:
    explicit Finder(const gguf::File& file) : file_(file) {}

    const gguf::Tensor& tensor(const std::string& name) const {
        const gguf::Tensor* found = file_.find(name);
        if (found) return *found;
        throw Error(ErrorCode::tensor_missing, "the model lacks the tensor " + name,
                    "A part may be missing, or the file is not a gpt-oss model; `gpt-oss-node verify` tells.",
                    {{"tensor", name}});
    }

    // A vector or table of float32: norms, biases, sinks.
    const float* floats(const std::string& name, std::uint64_t columns, std::uint64_t rows = 1) const {
        const gguf::Tensor& found = tensor(name);
        require(found,
                found.type == gguf::TensorType::F32 && found.shape[0] == columns && found.shape[1] == rows &&
                    found.elements() == columns * rows,
                "[" + std::to_string(columns) + (rows > 1 ? ", " + std::to_string(rows) : "") + "] F32");
        return reinterpret_cast<const float*>(
            found.data.data());  // aligned: see the reader's check of alignment
    }

    // [columns, rows] or, for stacked experts, [columns, rows, stack].
    Matrix matrix(const std::string& name, std::int64_t columns, std::int64_t rows,
                  std::int64_t stack = 1) const {
        const gguf::Tensor& found = tensor(name);
        const auto u = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
        require(found,
                found.shape[0] == u(columns) && found.shape[1] == u(rows) && found.shape[2] == u(stack) &&
                    found.shape[3] == 1,
                "[" + std::to_string(columns) + ", " + std::to_string(rows) +
                    (stack > 1 ? ", " + std::to_string(stack) : "") + "]");
        return {&found, rows * stack, columns};
    }

  private:
    void require(const gguf::Tensor& found, bool condition, const std::string& expected) const {
        if (condition) return;
        const std::string part = file_.parts()[found.part].path.filename().string();
        throw Error(
            ErrorCode::tensor_invalid,
            part + ": tensor " + found.name + " is " + describe(found) + ", expected " + expected,
            "The file does not match its own metadata; download it again.",
            {{"part", part}, {"tensor", found.name}, {"found", describe(found)}, {"expected", expected}});
    }

    const gguf::File& file_;
};

LayerWeights find_layer(const Finder& find, const Hyperparameters& shape, std::int32_t index) {
    const std::string prefix = "blk." + std::to_string(index) + ".";
    const auto u = [](std::int32_t value) { return static_cast<std::uint64_t>(value); };
    LayerWeights layer;
    layer.attention_norm = find.floats(prefix + "attn_norm.weight", u(shape.hidden));
    layer.query = find.matrix(prefix + "attn_q.weight", shape.hidden, shape.query_width());
    layer.key = find.matrix(prefix + "attn_k.weight", shape.hidden, shape.kv_width());
    layer.value = find.matrix(prefix + "attn_v.weight", shape.hidden, shape.kv_width());
    layer.query_bias = find.floats(prefix + "attn_q.bias", u(shape.query_width()));
    layer.key_bias = find.floats(prefix + "attn_k.bias", u(shape.kv_width()));
    layer.value_bias = find.floats(prefix + "attn_v.bias", u(shape.kv_width()));
    layer.sinks = find.floats(prefix + "attn_sinks.weight", u(shape.query_heads));
    layer.attention_output = find.matrix(prefix + "attn_output.weight", shape.query_width(), shape.hidden);
    layer.attention_output_bias = find.floats(prefix + "attn_output.bias", u(shape.hidden));
    layer.expert_norm = find.floats(prefix + "post_attention_norm.weight", u(shape.hidden));
    layer.router = find.matrix(prefix + "ffn_gate_inp.weight", shape.hidden, shape.experts);
    layer.router_bias = find.floats(prefix + "ffn_gate_inp.bias", u(shape.experts));
    layer.gate =
        find.matrix(prefix + "ffn_gate_exps.weight", shape.hidden, shape.expert_width, shape.experts);
    layer.up = find.matrix(prefix + "ffn_up_exps.weight", shape.hidden, shape.expert_width, shape.experts);
    layer.down =
        find.matrix(prefix + "ffn_down_exps.weight", shape.expert_width, shape.hidden, shape.experts);
    layer.gate_bias = find.floats(prefix + "ffn_gate_exps.bias", u(shape.expert_width), u(shape.experts));
    layer.up_bias = find.floats(prefix + "ffn_up_exps.bias", u(shape.expert_width), u(shape.experts));
    layer.down_bias = find.floats(prefix + "ffn_down_exps.bias", u(shape.hidden), u(shape.experts));
    return layer;
}

}  // namespace

Weights find_weights(const gguf::File& file) {
    const Finder find(file);
    const std::uint64_t vocabulary = find.tensor("token_embd.weight").shape[1];
    if (vocabulary < 1 || vocabulary > (1U << 24))
        throw Error(ErrorCode::tensor_invalid,
                    "token_embd.weight has " + std::to_string(vocabulary) + " rows", "",
                    {{"tensor", "token_embd.weight"}});
    Weights weights;
    weights.hyperparameters = read_hyperparameters(file.metadata(), static_cast<std::int32_t>(vocabulary));
    const Hyperparameters& shape = weights.hyperparameters;
    weights.embedding = find.matrix("token_embd.weight", shape.hidden, shape.vocabulary);
    weights.output_norm = find.floats("output_norm.weight", static_cast<std::uint64_t>(shape.hidden));
    weights.head = find.matrix("output.weight", shape.hidden, shape.vocabulary);
    for (std::int32_t layer = 0; layer < shape.layers; ++layer)
        weights.layers.push_back(find_layer(find, shape, layer));
    return weights;
}

}  // namespace gptoss::model

#include "model/weights.h"

#include <algorithm>
#include <set>
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

    bool has(const std::string& name) const { return file_.find(name) != nullptr; }
    const gguf::Tensor& tensor(const std::string& name) const {
        const gguf::Tensor* found = file_.find(name);
        if (found) {
            taken_.insert(found);
            return *found;
        }
        throw Error(ErrorCode::tensor_missing, "the model lacks the tensor " + name,
                    "The file was made for another program, or is not a whole gpt-oss model; GGUFs such as "
                    "ggml-org's have it.",
                    {{"tensor", name}});
    }

    // A tensor that nobody asked for would have changed what another program computes.
    void require_all_taken() const {
        for (const gguf::Tensor& tensor : file_.tensors())
            if (!taken_.contains(&tensor))
                throw Error(ErrorCode::file_unsupported,
                            part_of(tensor) + ": tensor " + tensor.name + " has no place in gpt-oss",
                            "The file was made for another program, or for a variant of gpt-oss that this "
                            "node does not compute.",
                            {{"part", part_of(tensor)}, {"tensor", tensor.name}});
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
        const std::string part = part_of(found);
        throw Error(
            ErrorCode::tensor_invalid,
            part + ": tensor " + found.name + " is " + describe(found) + ", expected " + expected,
            "The file was made for another program: its tensors are not laid out as its metadata says.",
            {{"part", part}, {"tensor", found.name}, {"found", describe(found)}, {"expected", expected}});
    }

    std::string part_of(const gguf::Tensor& tensor) const {
        return file_.parts()[tensor.part].path.filename().string();
    }

    const gguf::File& file_;
    mutable std::set<const gguf::Tensor*> taken_;
};

// `rows` rows of a matrix from row `first` on. Rows are whole blocks, so that their bytes lie together.
Matrix rows_of(const Matrix& matrix, std::int64_t first, std::int64_t rows,
               std::deque<gguf::Tensor>& slices) {
    gguf::Tensor slice = *matrix.tensor;
    const auto row_bytes = slice.data.size() / static_cast<std::size_t>(matrix.rows);
    slice.shape[1] = static_cast<std::uint64_t>(rows);
    slice.file_offset += static_cast<std::uint64_t>(first) * row_bytes;
    slice.data = slice.data.subspan(static_cast<std::size_t>(first) * row_bytes,
                                    static_cast<std::size_t>(rows) * row_bytes);
    return {&slices.emplace_back(std::move(slice)), rows, matrix.columns};
}

void find_query_key_value(const Finder& find, const Hyperparameters& shape, const std::string& prefix,
                          LayerWeights& layer, std::deque<gguf::Tensor>& slices) {
    const std::int32_t query = shape.query_width(), kv = shape.kv_width();
    const auto u = [](std::int32_t value) { return static_cast<std::uint64_t>(value); };
    if (!find.has(prefix + "attn_qkv.weight")) {
        layer.query = find.matrix(prefix + "attn_q.weight", shape.hidden, query);
        layer.key = find.matrix(prefix + "attn_k.weight", shape.hidden, kv);
        layer.value = find.matrix(prefix + "attn_v.weight", shape.hidden, kv);
        layer.query_bias = find.floats(prefix + "attn_q.bias", u(query));
        layer.key_bias = find.floats(prefix + "attn_k.bias", u(kv));
        layer.value_bias = find.floats(prefix + "attn_v.bias", u(kv));
        return;
    }
    const Matrix fused = find.matrix(prefix + "attn_qkv.weight", shape.hidden, query + 2 * kv);
    layer.query = rows_of(fused, 0, query, slices);
    layer.key = rows_of(fused, query, kv, slices);
    layer.value = rows_of(fused, query + kv, kv, slices);
    layer.query_bias = find.floats(prefix + "attn_qkv.bias", u(query + 2 * kv));
    layer.key_bias = layer.query_bias + query;
    layer.value_bias = layer.key_bias + kv;
}

// Ids beyond the embedding's rows, and rows that no token names, are a file put together wrongly.
void check_vocabulary(const gguf::Metadata& metadata, std::int32_t rows) {
    constexpr const char* kTokens = "tokenizer.ggml.tokens";
    if (!metadata.contains(kTokens)) return;  // logits alone can be had without a tokenizer
    const std::size_t tokens = metadata.texts(kTokens).size();
    if (tokens == static_cast<std::size_t>(rows)) return;
    throw Error(
        ErrorCode::key_invalid,
        "the vocabulary (" + std::string(kTokens) + ") has " + std::to_string(tokens) +
            " tokens, but token_embd.weight has " + std::to_string(rows) + " rows",
        "The file was put together from parts that do not belong together, or made for another program.",
        {{"key", kTokens}, {"found", std::to_string(tokens)}, {"expected", std::to_string(rows)}});
}

LayerWeights find_layer(const Finder& find, const Hyperparameters& shape, std::int32_t index,
                        std::deque<gguf::Tensor>& slices) {
    const std::string prefix = "blk." + std::to_string(index) + ".";
    const auto u = [](std::int32_t value) { return static_cast<std::uint64_t>(value); };
    LayerWeights layer;
    layer.attention_norm = find.floats(prefix + "attn_norm.weight", u(shape.hidden));
    find_query_key_value(find, shape, prefix, layer, slices);
    layer.sinks = find.floats(prefix + "attn_sinks.weight", u(shape.query_heads));
    layer.attention_output = find.matrix(prefix + "attn_output.weight", shape.query_width(), shape.hidden);
    layer.attention_output_bias = find.floats(prefix + "attn_output.bias", u(shape.hidden));
    layer.expert_norm = find.floats(prefix + "post_attention_norm.weight", u(shape.hidden));
    layer.router = find.matrix(prefix + "ffn_gate_inp.weight", shape.hidden, shape.experts);
    layer.router_bias = find.floats(prefix + "ffn_gate_inp.bias", u(shape.experts));
    layer.gate =
        find.matrix(prefix + "ffn_gate_exps.weight", shape.hidden, shape.intermediate_size, shape.experts);
    layer.up =
        find.matrix(prefix + "ffn_up_exps.weight", shape.hidden, shape.intermediate_size, shape.experts);
    layer.down =
        find.matrix(prefix + "ffn_down_exps.weight", shape.intermediate_size, shape.hidden, shape.experts);
    layer.gate_bias =
        find.floats(prefix + "ffn_gate_exps.bias", u(shape.intermediate_size), u(shape.experts));
    layer.up_bias = find.floats(prefix + "ffn_up_exps.bias", u(shape.intermediate_size), u(shape.experts));
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
    check_vocabulary(file.metadata(), shape.vocabulary);
    weights.owned = std::make_shared<OwnedParts>();
    weights.embedding = find.matrix("token_embd.weight", shape.hidden, shape.vocabulary);
    weights.output_norm = find.floats("output_norm.weight", static_cast<std::uint64_t>(shape.hidden));
    weights.lm_head = find.matrix("output.weight", shape.hidden, shape.vocabulary);
    for (std::int32_t layer = 0; layer < shape.layers; ++layer)
        weights.layers.push_back(find_layer(find, shape, layer, weights.owned->tensors));
    find.require_all_taken();
    return weights;
}

}  // namespace gptoss::model

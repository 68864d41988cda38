#include "model/synthetic.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "base/check.h"
#include "gguf/dequantize.h"
#include "gguf/metadata.h"
#include "gguf/numbers.h"
#include "gguf/writer.h"

namespace gptoss::model {
namespace {

using gguf::TensorType;

// SplitMix64 (Steele, Lea, Flood 2014): a gigabyte of it a second.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t bits() {
        std::uint64_t z = state_ += 0x9E3779B97F4A7C15ULL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return z ^ (z >> 31);
    }
    // Variance 1, nearly normal: four 16-bit numbers.
    float normal() {
        const std::uint64_t b = bits();
        const auto sum =
            static_cast<float>((b & 0xFFFF) + (b >> 16 & 0xFFFF) + (b >> 32 & 0xFFFF) + (b >> 48));
        return (sum - 131070.0F) / 37837.2F;
    }

  private:
    std::uint64_t state_;
};

// Blocks of random bits whose values have about the standard deviation `spread`.
void fill_mxfp4(std::span<std::byte> bytes, float spread, Random& random) {
    constexpr float kCodeSpread = 2.926F;  // of the sixteen E2M1 values
    const int exponent = 127 + static_cast<int>(std::lround(std::log2(spread / kCodeSpread)));
    for (std::size_t at = 0; at < bytes.size(); at += 17) {
        const std::uint64_t halves[2] = {random.bits(), random.bits()};
        bytes[at] = static_cast<std::byte>(exponent - 1 + static_cast<int>(halves[0] % 3));
        std::memcpy(&bytes[at + 1], halves, 16);
    }
}

void fill_q8_0(std::span<std::byte> bytes, float spread, Random& random) {
    const std::uint16_t scale = gguf::half_from_float(spread / 73.6F);  // of uniform -127 .. 127
    for (std::size_t at = 0; at < bytes.size(); at += 34) {
        std::memcpy(&bytes[at], &scale, 2);
        for (std::size_t i = 0; i < 32; i += 8) {
            const std::uint64_t eight = random.bits();
            std::memcpy(&bytes[at + 2 + i], &eight, 8);
        }
    }
}

void fill_quantized(TensorType type, std::span<std::byte> bytes, float spread, Random& random) {
    const gguf::TypeTraits& traits = gguf::traits(type);
    constexpr std::size_t kElements = 4096;
    std::vector<float> values(kElements);
    const std::size_t step = kElements / traits.block_elements * traits.block_bytes;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        const std::size_t count = std::min(step, bytes.size() - at);
        const std::size_t elements = count / traits.block_bytes * traits.block_elements;
        for (std::size_t i = 0; i < elements; ++i) values[i] = spread * random.normal();
        gguf::quantize(type, std::span(values).first(elements), bytes.subspan(at, count));
    }
}

// UTF-8 of the character that stands for a byte in a GPT-2 style vocabulary: printable ones for themselves,
// the other 68 from U+0100 on.
std::string character_of(int byte, int& others) {
    const bool itself = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    const int code = itself ? byte : 0x100 + others++;
    if (code < 0x80) return std::string(1, static_cast<char>(code));
    return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
}

// A vocabulary that other programs accept: the bytes, one merge, then names; the special tokens where o200k
// has them.
void set_tokenizer(gguf::Metadata& metadata, std::int32_t vocabulary) {
    std::vector<std::string> tokens;
    int others = 0;
    for (int byte = 0; byte < 256; ++byte) tokens.push_back(character_of(byte, others));
    tokens.push_back("ab");
    while (tokens.size() < static_cast<std::size_t>(vocabulary))
        tokens.push_back("t" + std::to_string(tokens.size()));
    std::vector<std::int64_t> types(tokens.size(), 1);
    if (vocabulary > 200018)
        for (const auto& [id, text] : {std::pair{199998, "<|startoftext|>"},
                                       {199999, "<|endoftext|>"},
                                       {200002, "<|return|>"},
                                       {200003, "<|constrain|>"},
                                       {200005, "<|channel|>"},
                                       {200006, "<|start|>"},
                                       {200007, "<|end|>"},
                                       {200008, "<|message|>"},
                                       {200012, "<|call|>"},
                                       {200018, "<|endofprompt|>"}}) {
            tokens[id] = text;
            types[id] = 3;
        }
    metadata.set("tokenizer.ggml.model", std::string("gpt2"));
    metadata.set("tokenizer.ggml.pre", std::string("gpt-4o"));
    metadata.set("tokenizer.ggml.tokens", std::move(tokens));
    metadata.set("tokenizer.ggml.token_type", std::move(types));
    metadata.set("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
    for (const auto& [name, id] : {std::pair{"bos", 199998}, {"eos", 200002}, {"padding", 199999}})
        metadata.set("tokenizer.ggml." + std::string(name) + "_token_id",
                     static_cast<std::uint64_t>(std::min(id, vocabulary - 1)));
}

}  // namespace

SyntheticModel::SyntheticModel(const Hyperparameters& shape, std::uint64_t seed, const SyntheticTypes& types)
    : seed_(seed) {
    weights_.hyperparameters = shape;
    LayerWeights layer;
    const std::int64_t stacked = std::int64_t{shape.experts} * shape.intermediate_size;
    layer.attention_norm = layer.expert_norm = floats(shape.hidden, 1.0F, 0.1F);
    layer.query = matrix(types.dense, shape.hidden, shape.query_width());
    layer.key = matrix(types.dense, shape.hidden, shape.kv_width());
    layer.value = matrix(types.dense, shape.hidden, shape.kv_width());
    layer.query_bias = floats(shape.query_width(), 0, 0.1F);
    layer.key_bias = floats(shape.kv_width(), 0, 0.1F);
    layer.value_bias = floats(shape.kv_width(), 0, 0.1F);
    layer.sinks = floats(shape.query_heads, 0, 1.0F);
    layer.attention_output = matrix(types.dense, shape.query_width(), shape.hidden);
    layer.attention_output_bias = floats(shape.hidden, 0, 0.1F);
    layer.router = matrix(TensorType::F32, shape.hidden, shape.experts);
    layer.router_bias = floats(shape.experts, 0, 0.1F);
    layer.gate = matrix(types.experts, shape.hidden, stacked);
    layer.up = matrix(types.experts, shape.hidden, stacked);
    layer.down = matrix(types.experts, shape.intermediate_size, std::int64_t{shape.experts} * shape.hidden);
    layer.gate_bias = floats(stacked, 0, 0.1F);
    layer.up_bias = floats(stacked, 0, 0.1F);
    layer.down_bias = floats(std::int64_t{shape.experts} * shape.hidden, 0, 0.1F);
    weights_.layers.assign(static_cast<std::size_t>(shape.layers), layer);
    weights_.output_norm = floats(shape.hidden, 1.0F, 0.1F);
    weights_.lm_head = matrix(types.dense, shape.hidden, shape.vocabulary);
    // Of the same size and type as the head: one set of bytes serves both.
    weights_.embedding = weights_.lm_head;
}

const gguf::Tensor& SyntheticModel::tensor(TensorType type, std::int64_t columns, std::int64_t rows,
                                           float spread) {
    const gguf::TypeTraits& traits = gguf::traits(type);
    check(columns % traits.block_elements == 0, "columns that are not whole blocks of the type");
    std::vector<std::byte>& bytes = storage_.emplace_back(static_cast<std::size_t>(columns * rows) /
                                                          traits.block_elements * traits.block_bytes);
    Random random(seed_ * 1000003 + storage_.size());
    if (type == TensorType::MXFP4)
        fill_mxfp4(bytes, spread, random);
    else if (type == TensorType::Q8_0)
        fill_q8_0(bytes, spread, random);
    else
        fill_quantized(type, bytes, spread, random);
    gguf::Tensor& made = tensors_.emplace_back();
    made.name = "synthetic";
    made.type = type;
    made.shape = {static_cast<std::uint64_t>(columns), static_cast<std::uint64_t>(rows), 1, 1};
    made.dimensions = 2;
    made.data = bytes;
    return made;
}

// Weights of variance 1 / columns keep activations at their size from layer to layer.
Matrix SyntheticModel::matrix(TensorType type, std::int64_t columns, std::int64_t rows) {
    return {&tensor(type, columns, rows, 1.0F / std::sqrt(static_cast<float>(columns))), rows, columns};
}

const float* SyntheticModel::floats(std::int64_t count, float mean, float spread) {
    std::vector<std::byte>& bytes = storage_.emplace_back(static_cast<std::size_t>(count) * sizeof(float));
    auto* values = reinterpret_cast<float*>(bytes.data());
    Random random(seed_ * 1000003 + storage_.size());
    for (std::int64_t i = 0; i < count; ++i) values[i] = mean + spread * random.normal();
    return values;
}

gguf::Metadata synthetic_metadata(const Hyperparameters& shape) {
    gguf::Metadata metadata;
    const auto count = [&](const char* key, std::int32_t value) {
        metadata.set("gpt-oss." + std::string(key), static_cast<std::uint64_t>(value));
    };
    metadata.set("general.architecture", std::string("gpt-oss"));
    metadata.set("general.name", std::string("synthetic: random weights"));
    set_tokenizer(metadata, shape.vocabulary);
    count("block_count", shape.layers);
    count("context_length", shape.context_length);
    count("embedding_length", shape.hidden);
    count("feed_forward_length", shape.intermediate_size);
    count("expert_feed_forward_length", shape.intermediate_size);
    count("attention.head_count", shape.query_heads);
    count("attention.head_count_kv", shape.kv_heads);
    count("attention.key_length", shape.head_size);
    count("attention.value_length", shape.head_size);
    count("attention.sliding_window", shape.sliding_window);
    count("expert_count", shape.experts);
    count("expert_used_count", shape.experts_per_token);
    count("rope.scaling.original_context_length", shape.original_context_length);
    metadata.set("gpt-oss.rope.scaling.type", std::string("yarn"));
    metadata.set("gpt-oss.rope.scaling.factor", shape.rope_scaling_factor);
    metadata.set("gpt-oss.rope.freq_base", shape.rope_base);
    metadata.set("gpt-oss.attention.layer_norm_rms_epsilon", shape.rms_epsilon);
    return metadata;
}

std::uint64_t write_synthetic(const std::filesystem::path& path, const Weights& weights,
                              std::uint32_t parts) {
    const Hyperparameters& shape = weights.hyperparameters;
    const gguf::Metadata metadata = synthetic_metadata(shape);
    std::vector<gguf::TensorToWrite> tensors;
    const auto add_bytes = [&](std::string name, TensorType type, std::vector<std::uint64_t> dimensions,
                               std::span<const std::byte> bytes) {
        tensors.push_back({std::move(name), type, std::move(dimensions), [bytes](std::span<std::byte> out) {
                               std::memcpy(out.data(), bytes.data(), out.size());
                           }});
    };
    const auto add_matrix = [&](const std::string& name, const Matrix& matrix, std::int64_t stack = 0) {
        std::vector<std::uint64_t> dimensions{static_cast<std::uint64_t>(matrix.columns),
                                              static_cast<std::uint64_t>(matrix.rows)};
        if (stack > 0) {
            dimensions[1] /= static_cast<std::uint64_t>(stack);
            dimensions.push_back(static_cast<std::uint64_t>(stack));
        }
        add_bytes(name + ".weight", matrix.tensor->type, dimensions, matrix.tensor->data);
    };
    const auto add_floats = [&](const std::string& name, const float* values, std::int64_t columns,
                                std::int64_t rows = 0) {
        std::vector<std::uint64_t> dimensions{static_cast<std::uint64_t>(columns)};
        if (rows > 0) dimensions.push_back(static_cast<std::uint64_t>(rows));
        add_bytes(name, TensorType::F32, dimensions,
                  std::as_bytes(std::span(
                      values, static_cast<std::size_t>(columns * std::max<std::int64_t>(rows, 1)))));
    };
    add_matrix("token_embd", weights.embedding);
    for (std::int32_t i = 0; i < shape.layers; ++i) {
        const std::string prefix = "blk." + std::to_string(i) + ".";
        const LayerWeights& layer = weights.layers[i];
        add_floats(prefix + "attn_norm.weight", layer.attention_norm, shape.hidden);
        add_matrix(prefix + "attn_q", layer.query);
        add_floats(prefix + "attn_q.bias", layer.query_bias, shape.query_width());
        add_matrix(prefix + "attn_k", layer.key);
        add_floats(prefix + "attn_k.bias", layer.key_bias, shape.kv_width());
        add_matrix(prefix + "attn_v", layer.value);
        add_floats(prefix + "attn_v.bias", layer.value_bias, shape.kv_width());
        add_matrix(prefix + "attn_output", layer.attention_output);
        add_floats(prefix + "attn_output.bias", layer.attention_output_bias, shape.hidden);
        add_floats(prefix + "attn_sinks.weight", layer.sinks, shape.query_heads);
        add_floats(prefix + "post_attention_norm.weight", layer.expert_norm, shape.hidden);
        add_matrix(prefix + "ffn_gate_inp", layer.router);
        add_floats(prefix + "ffn_gate_inp.bias", layer.router_bias, shape.experts);
        add_matrix(prefix + "ffn_gate_exps", layer.gate, shape.experts);
        add_floats(prefix + "ffn_gate_exps.bias", layer.gate_bias, shape.intermediate_size, shape.experts);
        add_matrix(prefix + "ffn_up_exps", layer.up, shape.experts);
        add_floats(prefix + "ffn_up_exps.bias", layer.up_bias, shape.intermediate_size, shape.experts);
        add_matrix(prefix + "ffn_down_exps", layer.down, shape.experts);
        add_floats(prefix + "ffn_down_exps.bias", layer.down_bias, shape.hidden, shape.experts);
    }
    add_floats("output_norm.weight", weights.output_norm, shape.hidden);
    add_matrix("output", weights.lm_head);
    std::uint64_t bytes = 0;
    for (const std::filesystem::path& part : gguf::write(path, metadata, tensors, {.parts = parts}))
        bytes += std::filesystem::file_size(part);
    return bytes;
}

}  // namespace gptoss::model

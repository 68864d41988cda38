#include "backend/cuda/weight_layout.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <bit>
#include <span>
#include <string>

#include "backend/cuda/decode_stages.h"
#include "base/error.h"

namespace gptoss::backend::cuda {
namespace {

using gguf::TensorType;

void require(bool condition, const std::string& what) {
    if (condition) return;
    throw Error(ErrorCode::file_unsupported, "the CUDA backend does not compute this shape: " + what,
                "Run this model with GPU_LAYERS=0 (the CPU backend takes any shape).", {{"shape", what}});
}

void require_supported(const model::Hyperparameters& shape) {
    require(shape.head_size == kHeadSize, "head size " + std::to_string(shape.head_size) + ", not 64");
    require(shape.experts_per_token == kExpertsPerToken,
            std::to_string(shape.experts_per_token) + " experts a token, not 4");
    require(shape.experts <= kMaxExperts && shape.experts >= kExpertsPerToken && shape.experts % 8 == 0,
            std::to_string(shape.experts) + " experts, not a multiple of 8 up to 128");
    require(shape.hidden % kQuantBlock == 0 && shape.intermediate_size % kQuantBlock == 0,
            "a width that is not a multiple of 32");
    require(shape.kv_heads > 0 && shape.query_heads % shape.kv_heads == 0 &&
                shape.query_heads / shape.kv_heads <= kMaxGroupHeads,
            std::to_string(shape.query_heads) + " query heads over " + std::to_string(shape.kv_heads) +
                " key heads");
}

bool is_exact_in_bf16(const model::Matrix& matrix) {
    if (matrix.tensor->type == TensorType::BF16) return true;
    if (matrix.tensor->type != TensorType::F32) return false;
    const auto* values = reinterpret_cast<const float*>(matrix.tensor->data.data());
    return std::all_of(values, values + matrix.rows * matrix.columns,
                       [](float value) { return (std::bit_cast<std::uint32_t>(value) & 0xFFFFU) == 0; });
}

WeightFormat type_of(const model::Matrix& matrix) {
    switch (matrix.tensor->type) {
        case TensorType::MXFP4:
            return WeightFormat::mxfp4;
        case TensorType::Q8_0:
            return WeightFormat::q8_0;
        case TensorType::BF16:
            return WeightFormat::bf16;
        case TensorType::F32:
            return is_exact_in_bf16(matrix) ? WeightFormat::bf16 : WeightFormat::f16;
        default:
            return WeightFormat::f16;
    }
}

// Matrices that are packed into one: their common format, or float16.
WeightFormat common_type(std::initializer_list<model::Matrix> matrices) {
    const WeightFormat first = type_of(*matrices.begin());
    const bool same = std::ranges::all_of(
        matrices, [first](const model::Matrix& matrix) { return type_of(matrix) == first; });
    return same ? first : WeightFormat::f16;
}

// Deals out pieces: only counts while it has no memory.
class Pieces {
  public:
    explicit Pieces(std::byte* memory) : memory_(memory) {}

    std::byte* take(std::int64_t bytes) {
        std::byte* piece = memory_ == nullptr ? nullptr : memory_ + used_;
        used_ += Arena::padded(bytes);
        return piece;
    }
    const float* floats(std::int64_t count) { return reinterpret_cast<const float*>(take(count * 4)); }
    DeviceMatrix matrix(WeightFormat type, std::int64_t rows, std::int64_t columns) {
        DeviceMatrix matrix;
        matrix.type = type;
        matrix.rows = static_cast<std::int32_t>((rows + 7) / 8 * 8);
        matrix.columns = static_cast<std::int32_t>(columns);
        matrix.value_stride_bytes = value_bytes_a_row(type, columns);
        matrix.scale_stride_bytes = scale_bytes_a_row(type, columns);
        matrix.values = take(matrix.rows * matrix.value_stride_bytes);
        matrix.scales = take(matrix.rows * matrix.scale_stride_bytes);
        return matrix;
    }
    std::int64_t used() const { return used_; }

  private:
    std::byte* memory_;
    std::int64_t used_ = 0;
};

DeviceWeights lay_out(const model::Hyperparameters& shape, const WeightTypes& types, Pieces& pieces) {
    DeviceWeights weights;
    weights.shape = shape;
    weights.range = types.range;
    if (types.range.first == 0)
        weights.embedding = pieces.matrix(types.embedding, shape.vocabulary, shape.hidden);
    weights.layers.resize(static_cast<std::size_t>(types.range.first));
    const std::int64_t qkv_rows = shape.query_width() + 2 * shape.kv_width();
    const std::int64_t router_size = std::int64_t{shape.experts} * shape.hidden;
    for (const WeightTypes::Layer& type : types.layers) {
        DeviceLayer layer;
        layer.attention_norm = pieces.floats(shape.hidden);
        layer.qkv = pieces.matrix(type.qkv, qkv_rows, shape.hidden);
        layer.qkv_bias = pieces.floats(qkv_rows);
        layer.sinks = pieces.floats(shape.query_heads);
        layer.output = pieces.matrix(type.output, shape.hidden, shape.query_width());
        layer.output_bias = pieces.floats(shape.hidden);
        layer.expert_norm = pieces.floats(shape.hidden);
        layer.router = pieces.floats(router_size);
        if (type.router_is_bf16)
            layer.router_columns_bf16 = reinterpret_cast<const std::uint16_t*>(pieces.take(router_size * 2));
        else
            layer.router_columns_f32 = pieces.floats(router_size);
        layer.router_bias = pieces.floats(shape.experts);
        layer.gate_up = pieces.matrix(type.gate_up, std::int64_t{shape.experts} * 2 * shape.intermediate_size,
                                      shape.hidden);
        layer.gate_up_bias = pieces.floats(std::int64_t{shape.experts} * 2 * shape.intermediate_size);
        layer.down =
            pieces.matrix(type.down, std::int64_t{shape.experts} * shape.hidden, shape.intermediate_size);
        layer.down_bias = pieces.floats(router_size);
        weights.layers.push_back(layer);
    }
    weights.output_norm = pieces.floats(shape.hidden);
    weights.lm_head = pieces.matrix(types.lm_head, shape.vocabulary, shape.hidden);
    pieces.take(kSlackBytes);
    weights.bytes = pieces.used();
    return weights;
}

}  // namespace

WeightTypes published_types(const model::Hyperparameters& shape) {
    return published_types(model::LayerRange{0, shape.layers});
}

WeightTypes published_types(const model::LayerRange& range) {
    WeightTypes types{WeightFormat::q8_0, WeightFormat::q8_0, range, {}};
    types.layers.assign(
        static_cast<std::size_t>(range.end - range.first),
        {WeightFormat::q8_0, WeightFormat::q8_0, WeightFormat::mxfp4, WeightFormat::mxfp4, true});
    return types;
}

WeightTypes types_of(const model::Weights& weights, const model::LayerRange& range) {
    WeightTypes types{type_of(weights.embedding), type_of(weights.lm_head), range, {}};
    for (std::int32_t i = range.first; i < range.end; ++i) {
        const model::LayerWeights& layer = weights.layers[static_cast<std::size_t>(i)];
        types.layers.push_back({common_type({layer.query, layer.key, layer.value}),
                                type_of(layer.attention_output), common_type({layer.gate, layer.up}),
                                type_of(layer.down), is_exact_in_bf16(layer.router)});
    }
    return types;
}

std::int64_t device_weight_bytes(const model::Hyperparameters& shape, const WeightTypes& types) {
    Pieces pieces(nullptr);
    return lay_out(shape, types, pieces).bytes;
}

DeviceWeights allocate_weights(const model::Hyperparameters& shape, const WeightTypes& types) {
    require_supported(shape);
    const std::int64_t bytes = device_weight_bytes(shape, types);
    DeviceMemory memory = allocate_device(bytes);
    cuda_check(cudaMemset(memory.get(), 0, static_cast<std::size_t>(bytes)));
    cuda_check(cudaDeviceSynchronize());
    Pieces pieces(memory.get());
    DeviceWeights weights = lay_out(shape, types, pieces);
    weights.memory.push_back(std::move(memory));
    return weights;
}

}  // namespace gptoss::backend::cuda

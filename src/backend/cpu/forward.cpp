// The fast path: gpt-oss on packed weights. Activations are float32 between stages, residual stream, norms,
// router scores and attention included; integer weights meet them as 16-bit integers (kernels.h).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "backend/cpu/attention.h"
#include "backend/cpu/forward_pass.h"
#include "backend/cpu/kv_element.h"
#include "backend/cpu/matmul.h"
#include "gguf/dequantize.h"
#include "model/own_small_parts.h"
#include "model/rope.h"

namespace gptoss::backend::cpu {
namespace {

struct PackedLayer {
    PackedMatrix query, key, value, attention_output, router;
    PackedExperts experts;
};

class FastForward final : public ForwardPass {
  public:
    FastForward(const model::Weights& weights, const BackendOptions& options, ThreadPool& pool)
        : weights_(model::own_small_parts(weights, layers_of(options, weights.hyperparameters))),
          shape_(weights_.hyperparameters),
          range_(layers_of(options, shape_)),
          rows_(options.plan.request.max_batch_tokens),
          kernels_(cpu::choose_kernels(options.kernels)),
          pool_(pool),
          rope_(model::rope_table(shape_)),
          attention_(shape_, options.plan.request.kv_types, kernels_, pool),
          cache_(range_, shape_, options.plan, kv_head_bytes(options.plan.request.kv_types.full),
                 kv_head_bytes(options.plan.request.kv_types.sliding)),
          stream_(float_rows(rows_, shape_.hidden)),
          qkv_(float_rows(rows_, qkv_width())),
          angles_(float_rows(rows_, shape_.head_size)),
          scores_(float_rows(rows_, shape_.experts)),
          normed_(rows_, shape_.hidden),
          attended_(rows_, shape_.query_width()),
          activated_(std::int64_t{rows_} * shape_.experts_per_token, shape_.intermediate_size) {
        for (std::int32_t layer = range_.first; layer < range_.end; ++layer)
            layers_.push_back(pack_layer(weights_.layers[layer]));
        if (has_head()) head_ = pack(weights_.lm_head, 1, pool_);
    }

    void compute(const Batch& batch, std::span<float> logits) override {
        const auto rows = static_cast<std::int64_t>(batch.tokens.size());
        computed_rows_ = rows;
        if (range_.first == 0)
            embed(batch.tokens);
        else
            std::ranges::copy(batch.residual, stream());
        prepare_angles(batch);
        for (std::int32_t layer = range_.first; layer < range_.end; ++layer) {
            const model::LayerWeights& w = weights_.layers[layer];
            const PackedLayer& packed = layers_[layer - range_.first];

            norm(w.attention_norm, rows);
            project_qkv(w, packed, rows);
            attention_.rotate_and_store(batch, layer, cache_, angles(), qkv());
            attention_.attend(batch, layer, cache_, qkv(), w.sinks, attended_);
            add_projection(packed.attention_output, w.attention_output_bias, attended_.rows(0, rows));

            norm(w.expert_norm, rows);
            const Routing routing = choose_experts(w, packed, rows);
            apply_experts(pool_, kernels_, packed.experts, routing, normed_.rows(0, rows), activated_,
                          stream(), shape_.hidden);
        }
        if (has_head()) project_logits(batch.logits_rows, logits);
    }

    std::span<const float> residual() const override {
        return stream_.as<float>().first(static_cast<std::size_t>(computed_rows_ * shape_.hidden));
    }
    std::span<const float> hidden(std::int32_t logits_index) override {
        return {normed_.floats(logits_index), static_cast<std::size_t>(shape_.hidden)};
    }
    void choose_kernels(const KernelChoice& kernels) override { kernels_ = cpu::choose_kernels(kernels); }
    KvCache& kv_cache() override { return cache_; }
    std::string description() const override { return std::string(kernels_.name); }
    std::int64_t claimed_bytes() const override {
        std::int64_t bytes = normed_.bytes() + attended_.bytes() + activated_.bytes();
        for (const AlignedBuffer* buffer : {&stream_, &qkv_, &angles_, &scores_, &head_.memory})
            bytes += static_cast<std::int64_t>(buffer->size());
        for (const auto& copied : weights_.owned->bytes) bytes += static_cast<std::int64_t>(copied.size());
        bytes += static_cast<std::int64_t>(cache_.full.bytes() + cache_.sliding.bytes());
        for (const PackedLayer& layer : layers_)
            for (const PackedMatrix* matrix :
                 {&layer.query, &layer.key, &layer.value, &layer.attention_output, &layer.router,
                  &layer.experts.gate_up, &layer.experts.down})
                bytes += static_cast<std::int64_t>(matrix->memory.size());
        return bytes;
    }

  private:
    static AlignedBuffer float_rows(std::int64_t rows, std::int64_t width) {
        return AlignedBuffer(static_cast<std::size_t>(rows * width) * sizeof(float));
    }
    bool has_head() const { return range_.end == shape_.layers; }
    std::int32_t qkv_width() const { return shape_.query_width() + 2 * shape_.kv_width(); }
    float* stream() { return stream_.as<float>().data(); }
    float* qkv() { return qkv_.as<float>().data(); }
    float* angles() { return angles_.as<float>().data(); }

    PackedLayer pack_layer(const model::LayerWeights& w) {
        return {pack(w.query, 1, pool_),
                pack(w.key, 1, pool_),
                pack(w.value, 1, pool_),
                pack(w.attention_output, 1, pool_),
                pack(w.router, 1, pool_),
                {pack_joined(w.gate, w.up, shape_.experts, pool_), pack(w.down, shape_.experts, pool_),
                 w.gate_bias, w.up_bias, w.down_bias}};
    }

    // Rows stay as the file has them: one of them is a few kilobytes.
    void embed(std::span<const TokenId> tokens) {
        const gguf::Tensor& table = *weights_.embedding.tensor;
        const gguf::TypeTraits& type = gguf::traits(table.type);
        const std::size_t row_bytes =
            static_cast<std::size_t>(shape_.hidden) / type.block_elements * type.block_bytes;
        pool_.for_each(static_cast<std::int64_t>(tokens.size()), 8, [&](std::int64_t row) {
            gguf::dequantize(table.type, table.data.subspan(tokens[row] * row_bytes, row_bytes),
                             {stream() + row * shape_.hidden, static_cast<std::size_t>(shape_.hidden)});
        });
    }

    void prepare_angles(const Batch& batch) {
        for (const Segment& segment : batch.segments)
            pool_.for_each(segment.row_count, 16, [&](std::int64_t i) {
                model::rope_row(rope_, segment.first_position + static_cast<std::int32_t>(i),
                                angles() + (segment.first_row + i) * shape_.head_size);
            });
    }

    void norm(const float* gain, std::int64_t rows) {
        pool_.for_each(rows, 4, [&](std::int64_t row) { norm_row(row, gain, row); });
    }
    void norm_row(std::int64_t from, const float* gain, std::int64_t to) {
        kernels_.rms_norm(stream() + from * shape_.hidden, gain, shape_.hidden,
                          static_cast<float>(shape_.rms_epsilon), normed_.floats(to));
        normed_.quantize(kernels_, to);
    }

    void project_qkv(const model::LayerWeights& w, const PackedLayer& packed, std::int64_t rows) {
        float* query = qkv();
        float* key = query + shape_.query_width();
        float* value = key + shape_.kv_width();
        const Projection projections[] = {{&packed.query, w.query_bias, query, qkv_width()},
                                          {&packed.key, w.key_bias, key, qkv_width()},
                                          {&packed.value, w.value_bias, value, qkv_width()}};
        project(pool_, kernels_, projections, normed_.rows(0, rows));
    }

    void add_projection(const PackedMatrix& matrix, const float* bias, std::span<const ActivationRow> rows) {
        const Projection projection{&matrix, bias, stream(), shape_.hidden, true};
        project(pool_, kernels_, {&projection, 1}, rows);
    }

    Routing choose_experts(const model::LayerWeights& w, const PackedLayer& packed, std::int64_t rows) {
        const std::span<float> scores =
            scores_.as<float>().first(static_cast<std::size_t>(rows) * shape_.experts);
        const Projection projection{&packed.router, w.router_bias, scores.data(), shape_.experts};
        project(pool_, kernels_, {&projection, 1}, normed_.rows(0, rows));
        return route(scores, shape_.experts, shape_.experts_per_token);
    }

    void project_logits(std::span<const std::int32_t> logits_rows, std::span<float> logits) {
        const auto wanted = static_cast<std::int64_t>(logits_rows.size());
        pool_.for_each(wanted, 4, [&](std::int64_t i) { norm_row(logits_rows[i], weights_.output_norm, i); });
        const Projection projection{&head_, nullptr, logits.data(), shape_.vocabulary};
        project(pool_, kernels_, {&projection, 1}, normed_.rows(0, wanted));
    }

    // The big matrices in it still point to the file, but are read only while they are packed.
    const model::Weights weights_;
    const model::Hyperparameters& shape_;
    model::LayerRange range_;
    std::int32_t rows_;
    std::int64_t computed_rows_ = 0;
    Kernels kernels_;
    ThreadPool& pool_;
    model::RopeTable rope_;
    Attention attention_;
    KvCache cache_;
    AlignedBuffer stream_;  // the residual stream, [rows][hidden]
    AlignedBuffer qkv_, angles_, scores_;
    Activations normed_, attended_, activated_;
    std::vector<PackedLayer> layers_;  // of range_
    PackedMatrix head_;
};

}  // namespace

std::unique_ptr<ForwardPass> make_fast_forward(const model::Weights& weights, const BackendOptions& options,
                                               ThreadPool& pool) {
    return std::make_unique<FastForward>(weights, options, pool);
}

}  // namespace gptoss::backend::cpu

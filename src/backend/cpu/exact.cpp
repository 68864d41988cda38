// The reference: gpt-oss in float32, weights dequantised exactly, one stage after the other, nothing clever
// but that sums are made several at a time (reference_sums.h).
// Follows openai/gpt-oss gpt_oss/torch/model.py; the fast path is tested against it.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "backend/cpu/forward_pass.h"
#include "backend/cpu/reference_sums.h"
#include "backend/cpu/router.h"
#include "gguf/dequantize.h"
#include "model/rope.h"

namespace gptoss::backend::cpu {
namespace {

using Floats = std::vector<float>;

// Multiplied with every token while they are in the second-level cache.
constexpr std::int64_t kWeightRows = 8;

void dequantize_row(const model::Matrix& matrix, std::int64_t row, std::span<float> out) {
    const gguf::TypeTraits& type = gguf::traits(matrix.tensor->type);
    const std::size_t row_bytes = matrix.columns / type.block_elements * type.block_bytes;
    gguf::dequantize(matrix.tensor->type, matrix.tensor->data.subspan(row * row_bytes, row_bytes), out);
}

class ExactForward final : public ForwardPass {
  public:
    ExactForward(const model::Weights& weights, const BackendOptions& options, ThreadPool& pool)
        : weights_(weights),
          shape_(weights.hyperparameters),
          rope_(model::rope_table(shape_)),
          pool_(pool),
          cache_(layers_of(options, shape_), shape_, options.plan, head_bytes(), head_bytes()) {}

    void compute(const Batch& batch, std::span<float> logits) override {
        const auto rows = static_cast<std::int64_t>(batch.tokens.size());
        const model::LayerRange& range = cache_.layers;
        Floats& x = residual_;
        if (range.first == 0)
            x = embed(batch.tokens);
        else
            x.assign(batch.residual.begin(), batch.residual.end());
        const Floats angles = rope_angles(batch);
        std::vector<std::int32_t> wanted(rows);  // whose results are read later
        std::iota(wanted.begin(), wanted.end(), 0);
        for (std::int32_t layer = range.first; layer < range.end; ++layer) {
            const model::LayerWeights& w = weights_.layers[layer];

            Floats h = norm(x, w.attention_norm);
            Floats key = product(w.key, w.key_bias, h, rows);
            const Floats value = product(w.value, w.value_bias, h, rows);
            rotate(key, angles, shape_.kv_heads);
            store(batch, layer, key, value);
            if (layer + 1 == shape_.layers) {  // of the last layer the head alone reads
                wanted.assign(batch.logits_rows.begin(), batch.logits_rows.end());
                x = rows_of(x, wanted, shape_.hidden);
                h = rows_of(h, wanted, shape_.hidden);
            }
            const auto count = static_cast<std::int64_t>(wanted.size());
            Floats query = product(w.query, w.query_bias, h, count);
            rotate(query, rows_of(angles, wanted, shape_.head_size), shape_.query_heads);
            const Floats attended = attend(batch, wanted, layer, query, w.sinks);
            add(x, product(w.attention_output, w.attention_output_bias, attended, count));

            h = norm(x, w.expert_norm);
            const Floats scores = product(w.router, w.router_bias, h, count);
            const Routing routing = route(scores, shape_.experts, shape_.experts_per_token);
            add(x, experts(w, h, routing));
        }
        if (range.end < shape_.layers) return;
        head_input_ = norm(x, weights_.output_norm);
        std::ranges::copy(
            product(weights_.lm_head, nullptr, head_input_, static_cast<std::int64_t>(wanted.size())),
            logits.begin());
    }

    std::span<const float> residual() const override { return residual_; }
    std::span<const float> hidden(std::int32_t logits_index) override {
        return std::span<const float>(head_input_)
            .subspan(static_cast<std::size_t>(logits_index) * shape_.hidden, shape_.hidden);
    }
    KvCache& kv_cache() override { return cache_; }
    std::string description() const override { return "float32 reference"; }
    std::int64_t claimed_bytes() const override {
        return static_cast<std::int64_t>(cache_.full.bytes() + cache_.sliding.bytes());
    }

  private:
    // Keys and values are float32, [kBlockTokens][head_size] a head and block.
    std::int32_t head_bytes() const { return model::kBlockTokens * shape_.head_size * 4; }

    Floats embed(std::span<const TokenId> tokens) const {
        Floats x(tokens.size() * shape_.hidden);
        for (std::size_t row = 0; row < tokens.size(); ++row)
            dequantize_row(weights_.embedding, tokens[row],
                           std::span(x).subspan(row * shape_.hidden, shape_.hidden));
        return x;
    }

    Floats norm(const Floats& x, const float* gain) const {
        Floats out(x.size());
        for (std::size_t start = 0; start < x.size(); start += shape_.hidden) {
            double squares = 0;
            for (std::int32_t i = 0; i < shape_.hidden; ++i) squares += double{x[start + i]} * x[start + i];
            const auto scale =
                static_cast<float>(1.0 / std::sqrt(squares / shape_.hidden + shape_.rms_epsilon));
            for (std::int32_t i = 0; i < shape_.hidden; ++i) out[start + i] = x[start + i] * scale * gain[i];
        }
        return out;
    }

    // out[row][r] = matrix[first_row + r] . in[row] + bias[r], for `row_count` rows of the matrix.
    Floats product(const model::Matrix& matrix, const float* bias, const Floats& in, std::int64_t rows,
                   std::int64_t first_row, std::int64_t row_count) const {
        Floats out(rows * row_count);
        pool_.for_ranges(row_count, 16, [&](std::int64_t begin, std::int64_t end) {
            Floats weights(kWeightRows * matrix.columns);
            for (std::int64_t r = begin; r < end; r += kWeightRows) {
                const std::int64_t count = std::min(kWeightRows, end - r);
                for (std::int64_t i = 0; i < count; ++i)
                    dequantize_row(matrix, first_row + r + i,
                                   std::span(weights).subspan(i * matrix.columns, matrix.columns));
                for (std::int64_t row = 0; row < rows; ++row) {
                    float* sums = &out[row * row_count + r];
                    reference_dots(&in[row * matrix.columns], weights.data(), matrix.columns, count,
                                   matrix.columns, sums);
                    for (std::int64_t i = 0; bias != nullptr && i < count; ++i) sums[i] += bias[r + i];
                }
            }
        });
        return out;
    }
    Floats product(const model::Matrix& matrix, const float* bias, const Floats& in,
                   std::int64_t rows) const {
        return product(matrix, bias, in, rows, 0, matrix.rows);
    }

    // [rows][head_size]: cosine and sine of each pair, times YaRN's attention factor.
    Floats rope_angles(const Batch& batch) const {
        Floats angles(batch.tokens.size() * shape_.head_size);
        for (const Segment& segment : batch.segments)
            for (std::int32_t i = 0; i < segment.row_count; ++i)
                model::rope_row(rope_, segment.first_position + i,
                                &angles[static_cast<std::size_t>(segment.first_row + i) * shape_.head_size]);
        return angles;
    }

    // Pairs are (i, i + head_size / 2).
    void rotate(Floats& x, const Floats& angles, std::int32_t heads) const {
        const std::int32_t half = shape_.head_size / 2;
        const std::size_t rows = angles.size() / shape_.head_size;
        for (std::size_t row = 0; row < rows; ++row)
            for (std::int32_t head = 0; head < heads; ++head)
                for (std::int32_t i = 0; i < half; ++i) {
                    const float cosine = angles[row * shape_.head_size + 2 * i];
                    const float sine = angles[row * shape_.head_size + 2 * i + 1];
                    float& a = x[(row * heads + head) * shape_.head_size + i];
                    float& b = x[(row * heads + head) * shape_.head_size + i + half];
                    const float rotated = a * cosine - b * sine;
                    b = b * cosine + a * sine;
                    a = rotated;
                }
    }

    // Where the key (or value) of one position lies.
    float* cached(const Segment& segment, std::int32_t layer, std::int32_t position, std::int32_t head,
                  bool keys) const {
        const BlockId block = (shape_.slides(layer) ? segment.sliding_blocks
                                                    : segment.full_blocks)[position / model::kBlockTokens];
        std::byte* start = keys ? cache_.keys(block, layer, head) : cache_.values(block, layer, head);
        return reinterpret_cast<float*>(start) + position % model::kBlockTokens * shape_.head_size;
    }

    void store(const Batch& batch, std::int32_t layer, const Floats& key, const Floats& value) const {
        for (const Segment& segment : batch.segments)
            for (std::int32_t i = 0; i < segment.row_count; ++i)
                for (std::int32_t head = 0; head < shape_.kv_heads; ++head) {
                    const std::size_t from =
                        (static_cast<std::size_t>(segment.first_row + i) * shape_.kv_heads + head) *
                        shape_.head_size;
                    const std::int32_t position = segment.first_position + i;
                    std::copy_n(&key[from], shape_.head_size, cached(segment, layer, position, head, true));
                    std::copy_n(&value[from], shape_.head_size,
                                cached(segment, layer, position, head, false));
                }
    }

    static Floats rows_of(const Floats& x, std::span<const std::int32_t> rows, std::int32_t width) {
        Floats out(rows.size() * width);
        for (std::size_t i = 0; i < rows.size(); ++i)
            std::copy_n(&x[static_cast<std::size_t>(rows[i]) * width], width, &out[i * width]);
        return out;
    }

    // query: [rows][query_heads][head_size], of these rows of the batch.
    Floats attend(const Batch& batch, std::span<const std::int32_t> rows, std::int32_t layer,
                  const Floats& query, const float* sinks) const {
        Floats out(query.size(), 0.0F);
        pool_.for_each(static_cast<std::int64_t>(query.size()) / shape_.head_size, 8, [&](std::int64_t task) {
            const std::int32_t row = rows[task / shape_.query_heads];
            const auto head = static_cast<std::int32_t>(task % shape_.query_heads);
            const Segment& segment = *std::ranges::find_if(
                batch.segments, [&](const Segment& each) { return row < each.first_row + each.row_count; });
            const std::int64_t at = task * shape_.head_size;
            attend_one(segment, layer, segment.first_position + row - segment.first_row, head, &query[at],
                       sinks[head], &out[at]);
        });
        return out;
    }

    // One query head at one position. The sink takes part in the softmax and has no value.
    void attend_one(const Segment& segment, std::int32_t layer, std::int32_t position, std::int32_t head,
                    const float* query, float sink, float* out) const {
        const std::int32_t kv_head = head / (shape_.query_heads / shape_.kv_heads);
        const std::int32_t first =
            shape_.slides(layer) ? std::max(0, position - shape_.sliding_window + 1) : 0;
        Floats scores(position + 1 - first);
        float largest = sink;
        for (std::int32_t j = first; j <= position;) {  // the keys of a block lie one behind the other
            const std::int32_t end =
                std::min(position + 1, (j / model::kBlockTokens + 1) * model::kBlockTokens);
            reference_dots(query, cached(segment, layer, j, kv_head, true), shape_.head_size, end - j,
                           shape_.head_size, &scores[j - first]);
            j = end;
        }
        for (float& score : scores) {
            score /= std::sqrt(static_cast<float>(shape_.head_size));
            largest = std::max(largest, score);
        }
        float sum = std::exp(sink - largest);
        for (float& score : scores) sum += score = std::exp(score - largest);
        for (std::int32_t j = first; j <= position; ++j) {
            reference_add(out, cached(segment, layer, j, kv_head, false), scores[j - first] / sum,
                          shape_.head_size);
        }
    }

    static void add(Floats& x, const Floats& more) {
        for (std::size_t i = 0; i < x.size(); ++i) x[i] += more[i];
    }

    Floats experts(const model::LayerWeights& w, const Floats& h, const Routing& routing) const {
        Floats out(h.size(), 0.0F);
        const std::int64_t width = shape_.intermediate_size;
        const std::int64_t hidden = shape_.hidden;
        for (std::int32_t expert = 0; expert < shape_.experts; ++expert) {
            const std::span<const Assignment> assigned = routing.of_expert(expert);
            if (assigned.empty()) continue;
            const auto rows = static_cast<std::int64_t>(assigned.size());
            Floats in(rows * hidden);
            for (std::int64_t i = 0; i < rows; ++i)
                std::copy_n(&h[assigned[i].row * hidden], hidden, &in[i * hidden]);
            const Floats gate =
                product(w.gate, w.gate_bias + expert * width, in, rows, expert * width, width);
            const Floats up = product(w.up, w.up_bias + expert * width, in, rows, expert * width, width);
            const Floats act = swiglu(gate, up);
            const Floats down =
                product(w.down, w.down_bias + expert * hidden, act, rows, expert * hidden, hidden);
            for (std::int64_t i = 0; i < rows; ++i)
                for (std::int64_t j = 0; j < hidden; ++j)
                    out[assigned[i].row * hidden + j] += assigned[i].weight * down[i * hidden + j];
        }
        return out;
    }

    static Floats swiglu(const Floats& gate, const Floats& up) {
        constexpr float kLimit = model::Hyperparameters::kSwigluLimit;
        Floats act(gate.size());
        for (std::size_t i = 0; i < act.size(); ++i) {
            const float a = std::min(gate[i], kLimit);  // bounded above only
            const float b = std::clamp(up[i], -kLimit, kLimit);
            act[i] = a / (1.0F + std::exp(-model::Hyperparameters::kSwigluAlpha * a)) * (b + 1.0F);
        }
        return act;
    }

    const model::Weights& weights_;
    const model::Hyperparameters& shape_;
    model::RopeTable rope_;
    ThreadPool& pool_;
    KvCache cache_;
    Floats residual_;
    Floats head_input_;  // [logits_rows][hidden]
};

}  // namespace

std::unique_ptr<ForwardPass> make_exact_forward(const model::Weights& weights, const BackendOptions& options,
                                                ThreadPool& pool) {
    return std::make_unique<ExactForward>(weights, options, pool);
}

}  // namespace gptoss::backend::cpu

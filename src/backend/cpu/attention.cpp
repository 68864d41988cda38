#include "backend/cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/cpu/kv_element.h"

namespace gptoss::backend::cpu {
namespace {

constexpr std::int32_t kBlock = model::kBlockTokens;
static_assert(kBlock == 64, "attend_block() takes 64 keys");

// Blocks softmaxed together: 2,048 keys. Part of the arithmetic: changing it changes last bits.
constexpr std::int32_t kChunkBlocks = 32;

// Rows that share the widening of a block of keys to float32.
constexpr std::int32_t kTaskRows = 8;

constexpr AttentionState kNothingSeen{{}, -std::numeric_limits<float>::infinity(), 0};

// Adds what another stretch of keys saw.
void merge(AttentionState& state, const AttentionState& more) {
    const float maximum = std::max(state.maximum, more.maximum);
    if (maximum == -std::numeric_limits<float>::infinity()) return;
    const float keep = std::exp(state.maximum - maximum), add = std::exp(more.maximum - maximum);
    state.sum = state.sum * keep + more.sum * add;
    for (std::int32_t d = 0; d < kHeadSize; ++d)
        state.output[d] = state.output[d] * keep + more.output[d] * add;
    state.maximum = maximum;
}

// Pairs are (i, i + 32); angles hold cosine and sine of each.
void rotate(float* head, const float* angles, float scale) {
    constexpr std::int32_t kHalf = kHeadSize / 2;
    for (std::int32_t i = 0; i < kHalf; ++i) {
        const float cosine = angles[2 * i] * scale, sine = angles[2 * i + 1] * scale;
        const float a = head[i], b = head[i + kHalf];
        head[i] = a * cosine - b * sine;
        head[i + kHalf] = b * cosine + a * sine;
    }
}

BlockId block_of(const Segment& segment, std::int32_t layer, std::int32_t position) {
    return (KvCache::slides(layer) ? segment.sliding_blocks : segment.full_blocks)[position / kBlock];
}

}  // namespace

std::int32_t Attention::first_visible(std::int32_t layer, std::int32_t position) const {
    return shape_.slides(layer) ? std::max(0, position - shape_.sliding_window + 1) : 0;
}

void Attention::rotate_and_store(const Batch& batch, std::int32_t layer, const KvCache& cache,
                                 const float* angles, float* qkv) const {
    const float scale = 1.0F / std::sqrt(static_cast<float>(shape_.head_size));
    const model::KvType type = kv_types_.of(shape_.slides(layer));
    for (const Segment& segment : batch.segments)
        pool_.for_each(segment.row_count, 4, [&](std::int64_t i) {
            const std::int64_t row = segment.first_row + i;
            const std::int32_t position = segment.first_position + static_cast<std::int32_t>(i);
            const float* row_angles = angles + row * kHeadSize;
            float* query = qkv + row * qkv_width();
            float* key = query + shape_.query_width();
            const float* value = key + shape_.kv_width();
            for (std::int32_t head = 0; head < shape_.query_heads; ++head)
                rotate(query + head * kHeadSize, row_angles, scale);
            const BlockId block = block_of(segment, layer, position);
            for (std::int32_t head = 0; head < shape_.kv_heads; ++head) {
                rotate(key + head * kHeadSize, row_angles, 1.0F);
                store_kv(type, KvRole::key, key + head * kHeadSize, position % kBlock,
                         cache.keys(block, layer, head));
                store_kv(type, KvRole::value, value + head * kHeadSize, position % kBlock,
                         cache.values(block, layer, head));
            }
        });
}

void Attention::make_tasks(const Batch& batch, std::int32_t layer) {
    const auto add = [&](bool chunks_apart) {
        tasks_.clear();
        for (const Segment& segment : batch.segments)
            for (std::int32_t row = 0; row < segment.row_count; row += kTaskRows) {
                const std::int32_t count = std::min(kTaskRows, segment.row_count - row);
                const std::int32_t last_position = segment.first_position + row + count - 1;
                const std::int32_t chunks = chunks_apart ? last_position / (kBlock * kChunkBlocks) + 1 : 1;
                for (std::int32_t head = 0; head < shape_.kv_heads; ++head)
                    for (std::int32_t chunk = 0; chunk < chunks; ++chunk)
                        tasks_.push_back({&segment, row, count, head, chunks_apart ? chunk : -1});
            }
    };
    add(false);
    const bool few = static_cast<std::int32_t>(tasks_.size()) < 4 * pool_.size();
    if (few && !shape_.slides(layer)) add(true);
}

void Attention::attend_chunk(const Task& task, std::int32_t chunk, std::int32_t layer, const KvCache& cache,
                             const float* qkv, std::span<AttentionState> states) const {
    std::ranges::fill(states, kNothingSeen);
    const model::KvType type = kv_types_.of(shape_.slides(layer));
    const std::int32_t first_position = task.segment->first_position + task.first_row;
    const std::int32_t last_position = first_position + task.row_count - 1;
    const std::int32_t first_block =
        std::max(chunk * kChunkBlocks, first_visible(layer, first_position) / kBlock);
    const std::int32_t last_block = std::min((chunk + 1) * kChunkBlocks - 1, last_position / kBlock);
    alignas(64) float keys[kBlock * kHeadSize], values[kBlock * kHeadSize];
    for (std::int32_t block = first_block; block <= last_block; ++block) {
        const BlockId id = block_of(*task.segment, layer, block * kBlock);
        KvView view{keys, values};
        view.key_scales = load_kv(kernels_, type, cache.keys(id, layer, task.kv_head), keys);
        view.value_scales = load_kv(kernels_, type, cache.values(id, layer, task.kv_head), values);
        for (std::int32_t i = 0; i < task.row_count; ++i) {
            const std::int32_t position = first_position + i;
            const std::int32_t first_key = std::max(first_visible(layer, position) - block * kBlock, 0);
            const std::int32_t last_key = std::min(position - block * kBlock, kBlock - 1);
            if (first_key > last_key) continue;
            const float* row = qkv + (task.segment->first_row + task.first_row + i) * qkv_width() +
                               task.kv_head * heads_per_kv() * kHeadSize;
            for (std::int32_t head = 0; head < heads_per_kv(); head += kHeadTile) {
                const std::int32_t heads = std::min(kHeadTile, heads_per_kv() - head);
                const float* queries[kHeadTile];
                AttentionState* head_states[kHeadTile];
                for (std::int32_t h = 0; h < heads; ++h) {
                    queries[h] = row + (head + h) * kHeadSize;
                    head_states[h] = &states[i * heads_per_kv() + head + h];
                }
                kernels_.attend_block(queries, heads, view, first_key, last_key, head_states);
            }
        }
    }
}

void Attention::finish(const Task& task, const float* sinks, std::span<const AttentionState> states,
                       Activations& out) const {
    const std::int32_t first_head = task.kv_head * heads_per_kv();
    for (std::int32_t i = 0; i < task.row_count; ++i) {
        const std::int64_t row = task.segment->first_row + task.first_row + i;
        for (std::int32_t h = 0; h < heads_per_kv(); ++h) {
            const AttentionState& state = states[i * heads_per_kv() + h];
            // The sink takes part in the softmax once and has no value.
            const float sink = sinks[first_head + h];
            const float maximum = std::max(state.maximum, sink);
            const float keep = std::exp(state.maximum - maximum);
            const float scale = keep / (state.sum * keep + std::exp(sink - maximum));
            float* to = out.floats(row) + (first_head + h) * kHeadSize;
            for (std::int32_t d = 0; d < kHeadSize; ++d) to[d] = state.output[d] * scale;
        }
        out.quantize(kernels_, row, first_head * kHeadSize, heads_per_kv() * kHeadSize);
    }
}

void Attention::attend(const Batch& batch, std::int32_t layer, const KvCache& cache, const float* qkv,
                       const float* sinks, Activations& out) {
    make_tasks(batch, layer);
    const std::int32_t states_per_task = kTaskRows * heads_per_kv();
    const auto task_count = static_cast<std::int64_t>(tasks_.size());
    if (tasks_.front().chunk >= 0) {
        partial_.resize(static_cast<std::size_t>(task_count) * states_per_task);
        const auto states_of = [&](std::int64_t index) {
            return std::span(partial_).subspan(
                static_cast<std::size_t>(index) * states_per_task,
                static_cast<std::size_t>(tasks_[index].row_count) * heads_per_kv());
        };
        pool_.for_each(task_count, 1, [&](std::int64_t index) {
            attend_chunk(tasks_[index], tasks_[index].chunk, layer, cache, qkv, states_of(index));
        });
        for (std::int64_t index = 0; index < task_count;) {
            const std::int64_t first = index;
            for (++index; index < task_count && tasks_[index].chunk > 0; ++index)
                for (std::size_t i = 0; i < states_of(first).size(); ++i)
                    merge(states_of(first)[i], states_of(index)[i]);
            finish(tasks_[first], sinks, states_of(first), out);
        }
        return;
    }
    pool_.for_each(task_count, 1, [&](std::int64_t index) {
        const Task& task = tasks_[index];
        std::vector<AttentionState> states(static_cast<std::size_t>(task.row_count) * heads_per_kv(),
                                           kNothingSeen);
        std::vector<AttentionState> chunk_states(states.size());
        const std::int32_t first_position = task.segment->first_position + task.first_row;
        const std::int32_t chunk_keys = kBlock * kChunkBlocks;
        const std::int32_t last_chunk = (first_position + task.row_count - 1) / chunk_keys;
        for (std::int32_t chunk = first_visible(layer, first_position) / chunk_keys; chunk <= last_chunk;
             ++chunk) {
            attend_chunk(task, chunk, layer, cache, qkv, chunk_states);
            for (std::size_t i = 0; i < states.size(); ++i) merge(states[i], chunk_states[i]);
        }
        finish(task, sinks, states, out);
    });
}

}  // namespace gptoss::backend::cpu

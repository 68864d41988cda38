// Grouped-query attention with sinks over paged keys and values, full or sliding.
//
// Blocks of 64 keys are taken in the order of positions, and stretches of kChunkBlocks of them are softmaxed
// by themselves and then merged in order. So a row's result does not depend on what else is in the batch or
// on how a prompt was cut, and a single row at a long context can still be spread over many threads.
#pragma once

#include <span>
#include <vector>

#include "backend/backend.h"
#include "backend/cpu/activations.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/kv_pool.h"
#include "base/thread_pool.h"

namespace gptoss::backend::cpu {

class Attention {
  public:
    Attention(const model::Hyperparameters& shape, const model::KvTypes& kv_types, const Kernels& kernels,
              ThreadPool& pool)
        : shape_(shape), kv_types_(kv_types), kernels_(kernels), pool_(pool) {}

    // qkv: [rows][query_width | kv_width | kv_width], biases included. Rotates queries in place (and scales
    // them by 1 / sqrt(head_size)), rotates keys, stores keys and values into the cache. angles:
    // [rows][head_size].
    void rotate_and_store(const Batch& batch, std::int32_t layer, const KvCache& cache, const float* angles,
                          float* qkv) const;

    // Writes [rows][query_width], both forms.
    void attend(const Batch& batch, std::int32_t layer, const KvCache& cache, const float* qkv,
                const float* sinks, Activations& out);

  private:
    struct Task {
        const Segment* segment;
        std::int32_t first_row, row_count;  // within the segment
        std::int32_t kv_head;
        std::int32_t chunk;  // -1 = all of them
    };
    struct Place;  // where a layer's keys and values are found

    std::int32_t heads_per_kv() const { return shape_.query_heads / shape_.kv_heads; }
    std::int64_t qkv_width() const { return shape_.query_width() + 2 * shape_.kv_width(); }
    std::int32_t first_visible(std::int32_t layer, std::int32_t position) const;
    void make_tasks(const Batch& batch, std::int32_t layer);
    void attend_chunk(const Task& task, std::int32_t chunk, std::int32_t layer, const KvCache& cache,
                      const float* qkv, std::span<AttentionState> states) const;
    void finish(const Task& task, const float* sinks, std::span<const AttentionState> states,
                Activations& out) const;

    const model::Hyperparameters& shape_;
    model::KvTypes kv_types_;
    const Kernels& kernels_;
    ThreadPool& pool_;
    std::vector<Task> tasks_;
    std::vector<AttentionState> partial_;  // [task][row][head] when chunks are tasks of their own
};

}  // namespace gptoss::backend::cpu

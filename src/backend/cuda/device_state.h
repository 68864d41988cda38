// What every kernel of a step reads besides the weights: the KV pools, the block tables, and the rows being
// computed. Plain data, passed by value to kernels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/hyperparameters.h"
#include "model/plan.h"

namespace gptoss::backend::cuda {

// One pool of KV blocks: [layer of the pool][block][K, V][kv head][kBlockTokens][head_size] elements of
// `type`. A tile of one head (64 tokens x 64 values) is contiguous. K keeps the paired order of qkv's rows
// (weights.h). f8 is e4m3, saturated, without a scale.
struct KvPool {
    std::byte* data = nullptr;
    model::KvType type = model::KvType::bf16;
    std::int32_t layers = 0;
    std::int32_t blocks = 0;
    std::int32_t kv_heads = 0;
    std::int32_t head_size = 0;

    constexpr std::int64_t tile_elements() const { return std::int64_t{model::kBlockTokens} * head_size; }
    constexpr std::int64_t block_elements() const { return 2 * kv_heads * tile_elements(); }
    constexpr std::int64_t layer_elements() const { return block_elements() * blocks; }
};

// Rows of one step. Arrays are device memory, one entry a row.
struct DeviceRows {
    const std::int32_t* tokens = nullptr;     // resolved: kTokenFromLastSample already replaced
    const std::int32_t* positions = nullptr;  // of the row in its sequence
    const std::int32_t* slots = nullptr;
    const float* rotation = nullptr;  // [row][head_size / 2][cos, sin], times YaRN's attention factor
};

// Block tables of every slot: [slot][table_stride], indexed by position / kBlockTokens.
struct BlockTables {
    const std::int32_t* full = nullptr;
    const std::int32_t* sliding = nullptr;
    std::int32_t table_stride = 0;
};

}  // namespace gptoss::backend::cuda

// One pool of KV blocks. A block holds kBlockTokens positions of every layer of its pool, so that copying a
// block is one copy: [block][layer][keys | values][kv head][kBlockTokens * head_size elements]. What the
// elements are and how they are ordered inside is the forward pass's own business.
#pragma once

#include <cstdint>

#include "backend/backend.h"
#include "backend/cpu/aligned_buffer.h"

namespace gptoss::backend::cpu {

class KvPool {
  public:
    KvPool(std::int32_t blocks, std::int32_t layers, std::int32_t kv_heads, std::int32_t head_bytes);

    // Of one head in one block: head_bytes each. `block` must be one of the pool's.
    std::byte* keys(BlockId block, std::int32_t layer, std::int32_t head) const;
    std::byte* values(BlockId block, std::int32_t layer, std::int32_t head) const;

    void copy(BlockId from, BlockId to);
    std::int32_t blocks() const { return blocks_; }
    std::size_t bytes() const { return memory_.size(); }

  private:
    std::int32_t blocks_ = 0, layers_ = 0, kv_heads_ = 0;
    std::size_t head_bytes_ = 0;
    AlignedBuffer memory_;
};

// The two pools of some of the model's layers, addressed by the model's layer number: even layers slide.
struct KvCache {
    KvCache(const model::LayerRange& of_layers, const model::Hyperparameters& shape,
            const model::MemoryPlan& plan, std::int32_t full_head_bytes, std::int32_t sliding_head_bytes)
        : layers(of_layers),
          full(plan.full_blocks, layers.full_layers(), shape.kv_heads, full_head_bytes),
          sliding(plan.sliding_blocks, layers.sliding_layers(), shape.kv_heads, sliding_head_bytes) {}

    static bool slides(std::int32_t layer) { return layer % 2 == 0; }
    std::byte* keys(BlockId block, std::int32_t layer, std::int32_t head) const {
        return pool(layer).keys(block, layers.pool_layer(layer), head);
    }
    std::byte* values(BlockId block, std::int32_t layer, std::int32_t head) const {
        return pool(layer).values(block, layers.pool_layer(layer), head);
    }
    void copy(Pool which, BlockId from, BlockId to) { (which == Pool::full ? full : sliding).copy(from, to); }

    model::LayerRange layers;
    KvPool full, sliding;

  private:
    const KvPool& pool(std::int32_t layer) const { return slides(layer) ? sliding : full; }
};

}  // namespace gptoss::backend::cpu

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

// The two pools, addressed by the model's layer number: even layers slide.
struct KvCache {
    KvPool full, sliding;

    static bool slides(std::int32_t layer) { return layer % 2 == 0; }
    const KvPool& pool(std::int32_t layer) const { return slides(layer) ? sliding : full; }
};

}  // namespace gptoss::backend::cpu

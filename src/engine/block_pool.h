// Who holds which KV block. A block is free (count 0) or held by one or more owners: sequences and the prefix
// cache. One object a pool (full-attention layers, sliding layers); the bytes themselves are the backend's.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/backend.h"

namespace gptoss::engine {

using backend::BlockId;
using backend::kNoBlock;

class BlockPool {
  public:
    explicit BlockPool(std::int32_t blocks);

    // A free block, held once; kNoBlock when none is free.
    BlockId allocate();
    // One owner more, one owner less. A block that nobody holds is free again.
    void retain(BlockId block);
    void release(BlockId block);

    std::int32_t holders(BlockId block) const;
    std::int32_t total() const { return static_cast<std::int32_t>(holders_.size()); }
    std::int32_t free() const { return static_cast<std::int32_t>(free_.size()); }
    std::int32_t used() const { return total() - free(); }

  private:
    std::vector<std::int32_t> holders_;  // indexed by block
    std::vector<BlockId> free_;          // last in, first out: a block just freed is still warm in the caches
};

}  // namespace gptoss::engine

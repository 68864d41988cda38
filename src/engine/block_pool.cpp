#include "engine/block_pool.h"

#include "base/check.h"

namespace gptoss::engine {

BlockPool::BlockPool(std::int32_t blocks) : holders_(blocks, 0) {
    free_.reserve(blocks);
    for (BlockId block = blocks - 1; block >= 0; --block) free_.push_back(block);
}

BlockId BlockPool::allocate() {
    if (free_.empty()) return kNoBlock;
    const BlockId block = free_.back();
    free_.pop_back();
    check(holders_[block] == 0, "a free block has no holder");
    holders_[block] = 1;
    return block;
}

void BlockPool::retain(BlockId block) {
    check(holders(block) > 0, "only a held block can be shared");
    ++holders_[block];
}

void BlockPool::release(BlockId block) {
    check(holders(block) > 0, "a block is released as often as it is held");
    if (--holders_[block] == 0) free_.push_back(block);
}

std::int32_t BlockPool::holders(BlockId block) const {
    check(block >= 0 && block < total(), "a block id lies in its pool");
    return holders_[block];
}

}  // namespace gptoss::engine

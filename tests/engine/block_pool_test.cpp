#include "engine/block_pool.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gptoss::engine {
namespace {

TEST(BlockPool, HandsOutEachBlockOnce) {
    BlockPool pool(3);
    std::vector<BlockId> blocks{pool.allocate(), pool.allocate(), pool.allocate()};
    std::ranges::sort(blocks);
    EXPECT_EQ(blocks, (std::vector<BlockId>{0, 1, 2}));
    EXPECT_EQ(pool.allocate(), kNoBlock);
    EXPECT_EQ(pool.free(), 0);
    EXPECT_EQ(pool.used(), 3);
}

TEST(BlockPool, ABlockIsFreeWhenItsLastHolderGivesItUp) {
    BlockPool pool(1);
    const BlockId block = pool.allocate();
    pool.retain(block);
    pool.retain(block);
    EXPECT_EQ(pool.holders(block), 3);
    pool.release(block);
    pool.release(block);
    EXPECT_EQ(pool.allocate(), kNoBlock);
    pool.release(block);
    EXPECT_EQ(pool.allocate(), block);
}

TEST(BlockPoolDeathTest, MiscountingAborts) {
    BlockPool pool(2);
    const BlockId block = pool.allocate();
    pool.release(block);
    EXPECT_DEATH(pool.release(block), "released as often as it is held");
    EXPECT_DEATH(pool.retain(block), "only a held block");
    EXPECT_DEATH(pool.holders(2), "lies in its pool");
    EXPECT_DEATH(pool.holders(kNoBlock), "lies in its pool");
}

}  // namespace
}  // namespace gptoss::engine

#include "engine/prefix_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace gptoss::engine {
namespace {

using model::kBlockTokens;
using testing::ElementsAre;

std::vector<TokenId> text_of(std::size_t count, TokenId first) {
    std::vector<TokenId> tokens(count);
    std::iota(tokens.begin(), tokens.end(), first);
    return tokens;
}

class PrefixCacheTest : public testing::Test {
  protected:
    std::vector<std::uint64_t> hashes_of(std::span<const TokenId> tokens) {
        std::vector<std::uint64_t> hashes;
        for (std::size_t end = kBlockTokens; end <= tokens.size(); end += kBlockTokens)
            hashes.push_back(chain_hash(hashes.empty() ? 0 : hashes.back(),
                                        tokens.subspan(end - kBlockTokens, kBlockTokens)));
        return hashes;
    }
    PrefixCache::Match find(std::span<const TokenId> tokens) { return cache.find(tokens, hashes_of(tokens)); }

    // A sequence that computes all of `tokens` and ends: what it leaves behind.
    std::vector<BlockId> live_and_leave(std::span<const TokenId> tokens) {
        const std::vector<std::uint64_t> hashes = hashes_of(tokens);
        std::vector<BlockId> path;
        std::vector<BlockId> windows;
        for (std::size_t block = 0; block < hashes.size(); ++block) {
            const BlockId slide = sliding.allocate();
            const BlockId node =
                cache.add(path.empty() ? kNoBlock : path.back(), hashes[block],
                          tokens.subspan(block * kBlockTokens, kBlockTokens), full.allocate(), slide);
            path.push_back(node);
            windows.push_back(slide);
        }
        if (const std::size_t rest = tokens.size() % kBlockTokens; rest > 0)
            cache.keep_tail(path.empty() ? kNoBlock : path.back(), tokens.last(rest), full.allocate(),
                            sliding.allocate());
        for (std::size_t block = 0; block < path.size(); ++block) {
            if (cache.sliding_of(path[block]) == windows[block])
                cache.return_sliding(path[block]);
            else
                sliding.release(windows[block]);
        }
        for (std::size_t block = path.size(); block-- > 0;) cache.leave(path[block]);
        return path;
    }

    BlockPool full{12};
    BlockPool sliding{12};
    PrefixCache cache{full, sliding, 128};
};

TEST_F(PrefixCacheTest, FindsWholeBlocksAndTheEndOfAText) {
    const std::vector<TokenId> text = text_of(200, 0);
    EXPECT_TRUE(find(text).path.empty());
    const std::vector<BlockId> path = live_and_leave(text);
    ASSERT_EQ(path.size(), 3U);

    std::vector<TokenId> longer = text;
    longer.resize(300, 7);
    const PrefixCache::Match match = find(longer);
    EXPECT_EQ(match.path, path);
    EXPECT_EQ(match.copied_tokens, 8);
    EXPECT_NE(match.copied, kNoBlock);
    EXPECT_EQ(match.known_blocks, 3);
}

TEST_F(PrefixCacheTest, ATextThatPartsWithinABlockIsCopiedUpToThere) {
    const std::vector<BlockId> path = live_and_leave(text_of(192, 0));
    std::vector<TokenId> other = text_of(192, 0);
    other[100] = 5000;
    const PrefixCache::Match match = find(other);
    EXPECT_THAT(match.path, ElementsAre(path[0]));
    EXPECT_EQ(match.copied, path[1]);
    EXPECT_EQ(match.copied_tokens, 100 - 64);
    other[66] = 5000;  // two tokens are not worth a copy
    EXPECT_EQ(find(other).copied, kNoBlock);
    other[0] = 5000;
    EXPECT_TRUE(find(other).path.empty());
    EXPECT_EQ(find(other).copied, kNoBlock);
}

TEST_F(PrefixCacheTest, TheSameBlockAfterAnotherBeginningIsAnotherBlock) {
    std::vector<TokenId> first = text_of(128, 0);
    std::vector<TokenId> second = first;
    std::fill_n(second.begin(), 64, 9);
    live_and_leave(first);
    EXPECT_TRUE(find(second).path.empty());
    const std::vector<BlockId> path = live_and_leave(second);
    EXPECT_EQ(find(second).path, path);
    EXPECT_EQ(full.used(), 4);
}

TEST_F(PrefixCacheTest, TheSameTextIsKeptOnce) {
    const std::vector<TokenId> text = text_of(200, 0);
    const std::vector<BlockId> path = live_and_leave(text);
    EXPECT_EQ(live_and_leave(text), path);
    EXPECT_EQ(full.used(), 4);  // three blocks and the tail
    EXPECT_EQ(sliding.used(), 4);
    EXPECT_EQ(cache.evictable_full(), 4);
    EXPECT_EQ(cache.evictable_sliding(), 4);
}

TEST_F(PrefixCacheTest, AHashCollisionIsNotTakenForTheText) {
    const std::vector<TokenId> text = text_of(64, 0);
    const std::vector<TokenId> other = text_of(64, 1000);
    const std::vector<std::uint64_t> hashes = hashes_of(text);
    live_and_leave(text);
    EXPECT_TRUE(cache.find(other, hashes).path.empty());
    const BlockId own = full.allocate();
    EXPECT_EQ(cache.add(kNoBlock, hashes[0], other, own, kNoBlock), kNoBlock);
    EXPECT_EQ(full.holders(own), 1);
}

TEST_F(PrefixCacheTest, AHashCollisionOfWholeBeginningsIsNotTakenForTheText) {
    std::vector<TokenId> first = text_of(128, 0);
    std::vector<TokenId> second = first;
    std::fill_n(second.begin(), 64, 9);
    live_and_leave(first);
    live_and_leave(std::span(second).first(64));
    const std::vector<std::uint64_t> collided{hashes_of(second)[0], hashes_of(first)[1]};
    EXPECT_EQ(cache.find(second, collided).path.size(), 1U);
    const BlockId own = full.allocate();
    EXPECT_EQ(cache.add(kNoBlock, collided[1], std::span(second).last(64), own, kNoBlock), kNoBlock);
}

TEST_F(PrefixCacheTest, WithoutItsWindowABlockCannotBeGoneOnFrom) {
    const std::vector<TokenId> text = text_of(5 * 64, 0);
    const std::vector<BlockId> path = live_and_leave(text);
    // The oldest sliding blocks go first: 0, 1, 2 are gone, 3 and 4 are the window after block 4.
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(cache.evict_sliding());
    std::vector<TokenId> longer = text;
    longer.push_back(1);
    EXPECT_EQ(find(longer).path.size(), 5U);
    std::vector<TokenId> shorter(text.begin(), text.begin() + 4 * 64);
    EXPECT_EQ(find(shorter).path.size(), 0U) << "blocks 2 and 3 are needed after block 3";
    EXPECT_EQ(find(shorter).known_blocks, 4);
    ASSERT_TRUE(cache.evict_sliding());
    EXPECT_EQ(find(longer).path.size(), 0U);
    EXPECT_EQ(full.used(), 5);
}

TEST_F(PrefixCacheTest, BranchPointsKeepTheirWindowLonger) {
    const std::vector<TokenId> text = text_of(6 * 64, 0);
    const std::vector<BlockId> path = live_and_leave(text);
    cache.mark_branch_point(path[0]);
    cache.mark_branch_point(path[1]);
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(cache.evict_sliding());
    for (std::size_t block = 0; block < 6; ++block)
        EXPECT_EQ(cache.sliding_of(path[block]) != kNoBlock, block < 2) << block;
    EXPECT_EQ(find(text).path.size(), 2U);
}

TEST_F(PrefixCacheTest, TheLeastRecentlyUsedLeafGoesFirst) {
    const std::vector<TokenId> old_text = text_of(128, 0);
    std::vector<TokenId> new_text = old_text;
    std::fill_n(new_text.begin() + 64, 64, 9);
    const std::vector<BlockId> old_path = live_and_leave(old_text);
    const std::vector<BlockId> new_path = live_and_leave(new_text);
    ASSERT_EQ(new_path[0], old_path[0]);
    ASSERT_TRUE(cache.evict_full());
    EXPECT_EQ(find(old_text).path.size(), 1U);
    EXPECT_EQ(find(new_text).path.size(), 2U);
    ASSERT_TRUE(cache.evict_full());
    EXPECT_EQ(find(new_text).path.size(), 1U);
    ASSERT_TRUE(cache.evict_full());
    EXPECT_FALSE(cache.evict_full());
    EXPECT_EQ(full.used(), 0);
    EXPECT_EQ(sliding.used(), 0);
}

TEST_F(PrefixCacheTest, BlocksInUseAreNotEvicted) {
    const std::vector<TokenId> text = text_of(128, 0);
    const std::vector<BlockId> path = live_and_leave(text);
    for (BlockId node : path) cache.enter(node);
    cache.borrow_sliding(path[1]);
    EXPECT_FALSE(cache.evict_full());
    EXPECT_TRUE(cache.evict_sliding());  // block 0's
    EXPECT_FALSE(cache.evict_sliding());
    cache.return_sliding(path[1]);
    cache.leave(path[1]);
    EXPECT_TRUE(cache.evict_full());
    EXPECT_FALSE(cache.evict_full());
    cache.leave(path[0]);
    EXPECT_TRUE(cache.evict_full());
}

TEST_F(PrefixCacheTest, ATailWhoseWindowIsEvictedGoesAltogether) {
    live_and_leave(text_of(10, 0));
    EXPECT_EQ(full.used(), 1);
    ASSERT_TRUE(cache.evict_sliding());
    EXPECT_EQ(full.used(), 0);
    EXPECT_EQ(find(text_of(10, 0)).copied, kNoBlock);
}

TEST_F(PrefixCacheTest, AShorterTailOfAKnownTextIsNotKept) {
    live_and_leave(text_of(40, 0));
    live_and_leave(text_of(30, 0));
    EXPECT_EQ(full.used(), 1);
    live_and_leave(text_of(50, 0));
    EXPECT_EQ(full.used(), 2);
    EXPECT_EQ(find(text_of(60, 0)).copied_tokens, 50);
}

}  // namespace
}  // namespace gptoss::engine

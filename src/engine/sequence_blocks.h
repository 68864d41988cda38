// Which blocks of KV cache each sequence holds: given from the two pools as its rows are planned, shared
// through the prefix cache as they are computed, given up as the window slides and when it leaves.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/block_pool.h"
#include "engine/engine.h"
#include "engine/prefix_cache.h"
#include "engine/sequence.h"

namespace gptoss::engine {

struct BlockCopy {
    backend::Pool pool = backend::Pool::full;
    BlockId from = kNoBlock;
    BlockId to = kNoBlock;
};

// Blocks of the sliding pool that a sequence can hold between two steps: the window of its next row and of
// the row before that one (which may be computed again), wherever they lie across block borders.
constexpr std::int32_t most_window_blocks(std::int32_t window) {
    return (window - 1) / model::kBlockTokens + 2;
}

constexpr std::int32_t blocks_for(std::int32_t tokens) {
    return (tokens + model::kBlockTokens - 1) / model::kBlockTokens;
}

class SequenceBlocks {
  public:
    explicit SequenceBlocks(const EngineOptions& options);

    // The longest beginning of the sequence's tokens that need not be computed again, never all of them: the
    // last token's logits are wanted. Nothing where the cache is off.
    PrefixCache::Match find(Sequence& sequence);
    // Blocks of the full pool that could be given out if the match's were in use.
    std::int32_t available_beside(const PrefixCache::Match& match) const;

    // Makes the match the beginning of a sequence that holds nothing. Copies it needs are added to `copies`, to be
    // made in this order before the next step.
    void take(Sequence& sequence, const PrefixCache::Match& match, std::vector<BlockCopy>& copies);
    // Rows, at most `wanted`, whose blocks the sequence holds or could get.
    std::int32_t cover(Sequence& sequence, std::int32_t wanted);
    // Rows have been handed to the backend: whole blocks are shared, those behind the window given up.
    void advance(Sequence& sequence);
    // It leaves: everything goes back, and what can be used again stays in the cache.
    void release(Sequence& sequence);

    std::int32_t full_blocks_total() const { return full_.total(); }
    std::int32_t full_blocks_in_use() const { return full_.used() - cache_.evictable_full(); }
    std::int32_t full_blocks_cached() const { return cache_.evictable_full(); }
    std::int32_t sliding_blocks_in_use() const { return sliding_.used() - cache_.evictable_sliding(); }

    // Aborts unless every hold on every block belongs to one of these sequences or the cache.
    void check_integrity(std::span<Sequence* const> running) const;

  private:
    BlockId allocate_full();
    BlockId allocate_sliding();
    void extend_hashes(Sequence& sequence, std::int32_t blocks);
    void share_whole_blocks(Sequence& sequence, std::int32_t known_positions);
    void mark_branch_points(const Sequence& sequence, std::int32_t block);
    void slide_window(Sequence& sequence);
    void give_up_sliding(Sequence& sequence, std::int32_t block);

    bool prefix_cache_;
    std::int32_t window_;
    BlockPool full_, sliding_;
    PrefixCache cache_;
};

}  // namespace gptoss::engine

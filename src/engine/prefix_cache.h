// Blocks of KV cache that can be used again: a tree of token blocks, each node one block of the full pool
// and, while it lasts, one block of the sliding pool.
//
// A node is found by the chained hash of all tokens up to its end, and then compared token by token, parent
// by parent, so that a hash collision can only cost a miss. Nodes are named by their full block: there is one
// place for each, claimed at start, and the shared part of a sequence's block table is its path through the
// tree.
//
// To go on from a branch point, full layers need every block before it, sliding layers only those that the
// window still touches. Sliding blocks are therefore given up one by one: first those in the middle of long
// texts, then those at known branch points (where a prompt ended, where an answer ended, where two requests
// once diverged).
//
// A leaf may hold fewer than kBlockTokens tokens: the end of an answer. It is reused by copying, as is the
// first part of a block whose rest differs.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/types.h"
#include "engine/block_pool.h"

namespace gptoss::engine {

// The hash of a block of tokens after `before`, the hash of everything in front of it (0 at the start).
std::uint64_t chain_hash(std::uint64_t before, std::span<const TokenId> block);

class PrefixCache {
  public:
    // The pools outlive the cache. `window` is what a sliding layer sees, the token itself included.
    PrefixCache(BlockPool& full, BlockPool& sliding, std::int32_t window);

    struct Match {
        std::vector<BlockId> path;  // nodes that can be used as they are, from the start of the text
        BlockId copied = kNoBlock;  // a node after them whose first tokens agree: to be copied
        std::int32_t copied_tokens = 0;
        std::int32_t known_blocks = 0;  // nodes that agree, also those the sliding layers cannot go on from
    };
    // The longest usable beginning of `tokens`. `hashes` holds the chain hash of each of its whole blocks.
    Match find(std::span<const TokenId> tokens, std::span<const std::uint64_t> hashes) const;

    // A sequence starts to stand on a node (its parent first), or no longer does (its children first).
    void enter(BlockId node);
    void leave(BlockId node);

    bool is_unused(BlockId node) const { return nodes_[node].is_unused; }

    // The sliding block of a node for a sequence's window; given back when the window has passed.
    BlockId borrow_sliding(BlockId node);
    void return_sliding(BlockId node);
    BlockId sliding_of(BlockId node) const { return nodes_[node].sliding; }

    // Offers a whole, computed block to the cache. `full` is held by the sequence and so is the result: the
    // node now on its path, which is another block if those tokens were known already (`full` is then given
    // up). `sliding` becomes the node's if it had none. kNoBlock: a hash collision, the block stays the
    // sequence's own.
    BlockId add(BlockId parent, std::uint64_t hash, std::span<const TokenId> tokens, BlockId full,
                BlockId sliding);

    // Takes over the partly filled end of a sequence that is about to leave `parent`: the sequence's hold on
    // both blocks is the cache's from now on.
    void keep_tail(BlockId parent, std::span<const TokenId> tokens, BlockId full, BlockId sliding);

    // Keeps the node's sliding block longer than others.
    void mark_branch_point(BlockId node);

    // Give up the least recently used block that no sequence holds. False when there is none.
    bool evict_full();
    bool evict_sliding();

    // Blocks that evict_full() and evict_sliding() could free.
    std::int32_t evictable_full() const { return static_cast<std::int32_t>(unused_.size()); }
    std::int32_t evictable_sliding() const {
        return static_cast<std::int32_t>(idle_inner_.size() + idle_branch_.size());
    }

    // Blocks of each pool that the cache itself holds, for the integrity check: every node once.
    void count_holds(std::vector<std::int32_t>& full, std::vector<std::int32_t>& sliding) const;

  private:
    using Order = std::list<BlockId>;  // most recently used first

    struct Node {
        bool present = false;
        bool branch_point = false;
        bool is_unused = false;        // in unused_
        bool is_idle = false;          // in idle_inner_ or idle_branch_
        std::int32_t token_count = 0;  // less than kBlockTokens in a tail
        std::int32_t users = 0;        // sequences standing on it
        BlockId parent = kNoBlock;
        BlockId sliding = kNoBlock;
        std::uint64_t hash = 0;
        Order::iterator place_unused, place_idle;
        std::vector<BlockId> children;
        std::array<TokenId, model::kBlockTokens> tokens{};

        std::span<const TokenId> text() const { return std::span(tokens).first(token_count); }
    };

    std::vector<BlockId>& children_of(BlockId node);
    const std::vector<BlockId>& children_of(BlockId node) const;
    Node& insert(BlockId parent, std::span<const TokenId> tokens, BlockId full, BlockId sliding);
    void remove(BlockId node);
    void set_unused(BlockId node, bool unused);
    void set_idle(BlockId node, bool idle);
    void refresh_idle(BlockId node);
    bool can_branch_after(std::span<const BlockId> path) const;

    BlockPool& full_;
    BlockPool& sliding_;
    std::int32_t window_;
    std::vector<Node> nodes_;  // indexed by full block
    std::vector<BlockId> roots_;
    std::unordered_map<std::uint64_t, BlockId> index_;
    Order unused_;                    // nodes without users
    Order idle_inner_, idle_branch_;  // nodes whose sliding block only the cache holds
};

}  // namespace gptoss::engine

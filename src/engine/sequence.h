// What the scheduler knows about a request: its tokens, how far they are computed, and the blocks it holds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/types.h"
#include "engine/block_pool.h"

namespace gptoss::engine {

struct Sequence {
    // Set by whoever makes it.
    std::uint64_t id = 0;  // larger = arrived later
    std::string client;
    std::int32_t priority = 0;
    std::vector<TokenId> tokens;    // the prompt, then every sampled token that has been read
    std::int32_t prompt_count = 0;  // how many of them are the prompt
    std::int32_t token_limit = 0;   // it is over when it has so many tokens
    // Whether its next token may be sampled before the one in flight has been read.
    bool runs_ahead = true;
    double arrived_ms = 0;  // on a clock that is one for all

    // Kept by the scheduler.
    std::vector<std::uint64_t>
        hashes;                  // chain hashes of the whole blocks of `tokens`, as far as needed so far
    std::int32_t slot = -1;      // -1 = not running
    std::int32_t computed = 0;   // positions whose keys and values are (about to be) in the cache
    std::int32_t in_flight = 0;  // sampled tokens not yet read: 0, 1 or 2
    std::uint32_t epoch = 0;     // changes when tokens in flight become void
    std::vector<BlockId> full_blocks;  // indexed by position / kBlockTokens
    std::vector<BlockId> sliding_blocks;
    std::int32_t shared_blocks = 0;   // the first so many full blocks are its path through the prefix cache
    std::int32_t first_sliding = 0;   // sliding blocks before this one have been given up
    std::int32_t learned_branch = 0;  // whole blocks it had in common with another text when it was admitted
    bool shares = true;               // off after a hash collision
    std::int32_t expected_rows = 0;   // rows of its prompt that the cache did not hold when last looked
    std::int32_t cached_tokens = 0;   // prompt tokens not computed again when it was first admitted
    bool was_admitted = false;        // it is running or has been preempted
    std::uint64_t retry_at = 0;       // admission failed for want of blocks: not tried again before this plan

    bool running() const { return slot >= 0; }
    // Tokens there will be once those in flight are read.
    std::int32_t token_count() const { return static_cast<std::int32_t>(tokens.size()) + in_flight; }
    std::int32_t rows_to_compute() const { return token_count() - computed; }
};

}  // namespace gptoss::engine

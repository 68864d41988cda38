// Sequences without an engine: block tables and positions for `logits`, `bench` and tests, where scheduling
// and prefix reuse would be in the way. Works on any backend.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"

namespace gptoss::backend {

class SequenceRunner {
  public:
    // `plan` is the one the backend was made with; the pools are used by this runner alone.
    SequenceRunner(Backend& backend, const model::MemoryPlan& plan, std::int32_t sliding_window);

    // Tokens to append to one sequence, in one step.
    struct Feed {
        std::int32_t slot = 0;
        std::span<const TokenId> tokens;
        std::int32_t logits_rows = 0;  // of the last rows; 0 = none
    };

    // One Backend::forward() over all feeds. Logits are numbered feed by feed, row by row.
    // Throws Error(does_not_fit) when the pools run out.
    void forward(std::span<const Feed> feeds);

    // The whole prompt in steps of at most `max_rows` rows (0 = the plan's max_batch_tokens), logits of the
    // last token only.
    void prefill(std::int32_t slot, std::span<const TokenId> tokens, std::int32_t max_rows = 0);

    // Claims blocks as if `tokens` more positions had been computed; what they hold is not defined. For
    // timing at a depth.
    void pretend(std::int32_t slot, std::int32_t tokens);

    void clear(std::int32_t slot);
    std::int32_t position(std::int32_t slot) const { return sequences_[slot].position; }

  private:
    struct Sequence {
        std::int32_t position = 0;
        std::vector<BlockId> full_blocks, sliding_blocks;
    };
    static void extend(std::vector<BlockId>& table, std::int32_t positions,
                       std::vector<BlockId>& free_blocks);
    void release_behind_window(Sequence& sequence);

    Backend& backend_;
    std::int32_t max_rows_ = 0, sliding_window_ = 0;
    std::vector<BlockId> free_full_, free_sliding_;
    std::vector<Sequence> sequences_;
};

}  // namespace gptoss::backend

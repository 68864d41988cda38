// Decides what each step computes: a pure policy over sequences, blocks and a budget of rows. It knows no
// backend, no thread and no clock, and everything it decides follows from the calls made to it.
//
// Policy of a step, in this order:
//   1. Every sequence that generates gets its one row. If blocks run out, the worst sequence (lowest
//   priority,
//      then latest arrival) is preempted: its blocks are given up, it waits at the head of its line, and its
//      tokens are computed again when there is room. Sampling depends on (seed, step) alone, so nobody
//      notices.
//   2. What is left of the budget is shared evenly by the prompts in progress, at most kPromptsAtOnce, so
//   that a
//      short prompt passes a long one.
//   3. Waiting sequences are admitted in fair order while a place among those prompts is free and the blocks
//   for
//      the whole prompt are. The first that does not fit holds up the rest, so that it is not starved. One
//      whose beginning is being computed by another right now waits for it and then shares its blocks.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/block_pool.h"
#include "engine/engine.h"
#include "engine/fair_queue.h"
#include "engine/prefix_cache.h"
#include "engine/sequence.h"

namespace gptoss::engine {

inline constexpr std::int32_t kPromptsAtOnce = 4;

// Consecutive rows of one sequence in one step.
struct PlannedRows {
    Sequence* sequence = nullptr;
    std::int32_t first_position = 0;
    std::int32_t row_count = 0;
    bool samples = false;  // the last row is the sequence's last token: a token is sampled after it
};

struct BlockCopy {
    backend::Pool pool = backend::Pool::full;
    BlockId from = kNoBlock;
    BlockId to = kNoBlock;
};

struct StepPlan {
    std::vector<PlannedRows> rows;
    std::vector<BlockCopy> copies;  // to be made in this order, before the step
    std::int32_t decode_rows = 0;
    std::int32_t prompt_rows = 0;
};

// Blocks of the sliding pool that a sequence can hold between two steps: the window of its next row and of
// the row before that one (which may be computed again), wherever they lie across block borders.
constexpr std::int32_t most_window_blocks(std::int32_t window) {
    return (window - 1) / model::kBlockTokens + 2;
}

class Scheduler {
  public:
    explicit Scheduler(const EngineOptions& options);

    // A new sequence waits. It must stay where it is until remove().
    void enqueue(Sequence& sequence);
    // A sequence is over, finished or cancelled at whatever moment: everything it holds is free again.
    void remove(Sequence& sequence);

    // True when a running sequence cannot be planned before its token in flight is read.
    bool must_read_first() const;
    // What the next step computes; no rows when there is nothing to do before tokens are read. `prompt_rows`
    // bounds the rows of prompts. Valid until the next call.
    const StepPlan& plan(std::int32_t prompt_rows);
    // The planned step has been handed to the backend.
    void commit();

    // The oldest token in flight is known.
    void token_read(Sequence& sequence, TokenId token);
    // The tokens still in flight are void: the last one known is computed again. At most one may be in
    // flight.
    void rewind(Sequence& sequence);

    std::span<Sequence* const> running() const { return running_; }
    std::int32_t waiting() const { return queue_.size(); }
    std::int32_t decoding() const;  // running sequences that have no prompt left to compute
    std::int64_t preemptions() const { return preemptions_; }
    std::int32_t full_blocks_in_use() const { return full_.used() - cache_.evictable_full(); }
    std::int32_t full_blocks_cached() const { return cache_.evictable_full(); }
    std::int32_t sliding_blocks_in_use() const { return sliding_.used() - cache_.evictable_sliding(); }

    // Aborts unless every hold on every block belongs to a sequence or the cache.
    void check_integrity() const;

  private:
    enum class Admission { done, later, no_room };

    void plan_decode_rows();
    void plan_prompt_rows(std::int32_t budget);
    void plan_rows(Sequence& sequence, std::int32_t row_count);
    Admission admit(Sequence& sequence);
    bool is_being_computed(const Sequence& sequence, std::int32_t block) const;
    void take_match(Sequence& sequence, const PrefixCache::Match& match);
    void plan_copy(backend::Pool pool, BlockId from, BlockId to);
    void preempt(Sequence& sequence);
    void stop_running(Sequence& sequence);

    BlockId allocate_full();
    BlockId allocate_sliding();
    // Rows, at most `wanted`, whose blocks the sequence holds or could get.
    std::int32_t cover(Sequence& sequence, std::int32_t wanted);
    void extend_hashes(Sequence& sequence, std::int32_t blocks);
    void share_whole_blocks(Sequence& sequence, std::int32_t known_positions);
    void mark_branch_points(const Sequence& sequence, std::int32_t block);
    void slide_window(Sequence& sequence);
    void give_up_sliding(Sequence& sequence, std::int32_t block);
    void release_blocks(Sequence& sequence);

    EngineOptions options_;
    BlockPool full_, sliding_;
    PrefixCache cache_;
    FairQueue queue_;
    std::vector<Sequence*> running_;  // best first: higher priority, then earlier arrival
    std::vector<std::int32_t> free_slots_;
    StepPlan plan_;
    std::uint64_t plan_number_ = 0;
    std::int64_t preemptions_ = 0;
};

}  // namespace gptoss::engine

// Decides what each step computes: a pure policy over sequences, blocks and a budget of rows. It knows no
// backend, no thread and no clock, and everything it decides follows from the calls made to it.
//
// Policy of a step, in this order:
//   1. Every sequence that generates gets its one row, and rows for tokens that it had no choice in
//      (token_forced()) as far as the batch has room. If blocks run out, the worst sequence (lowest priority,
//      then latest arrival) is preempted: its blocks are given up, it waits at the head of its line, and its
//      tokens are computed again when there is room. Sampling depends on (seed, step) alone, so nobody notices.
//   2. The prompts in progress share what is left of the budget: half is for the one that came first, so that
//      everybody gets on, and the rest for the shortest, so that a short prompt passes a long one. What one does
//      not need the next gets.
//   3. Waiting sequences are admitted in fair order while a place among those prompts is free and the blocks
//      for the whole prompt are. The first that does not fit holds up the rest, so that it is not starved. One
//      whose beginning is being computed by another right now waits for it and then shares its blocks. Long
//      prompts get half of the places, so that short ones need not wait for one of them to end.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "engine/fair_queue.h"
#include "engine/sequence.h"
#include "engine/sequence_blocks.h"
#include "engine/step_costs.h"
#include "engine/step_policy.h"

namespace gptoss::engine {

inline constexpr std::int32_t kPromptsAtOnce = 4;
inline constexpr std::int32_t kLongPromptsAtOnce = 2;
// A prompt is long when it takes more whole steps than this.
inline constexpr std::int32_t kStepsOfALongPrompt = 4;

// Tokens without a choice that a generating sequence may take at a time: it still counts as one that generates.
inline constexpr std::int32_t kMostForcedTokens = 32;

// Consecutive rows of one sequence in one step.
struct PlannedRows {
    Sequence* sequence = nullptr;
    std::int32_t first_position = 0;
    std::int32_t row_count = 0;
    bool samples = false;  // the last row is the sequence's last token: a token is sampled after it
};

struct StepPlan {
    std::vector<PlannedRows> rows;
    std::vector<BlockCopy> copies;  // to be made in this order, before the step
    StepShape shape;
};

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
    // A token that needs no sampling, since no other may follow. Only while none is in flight.
    void token_forced(Sequence& sequence, TokenId token);
    // The tokens still in flight are void: the last one known is computed again. At most one may be in
    // flight.
    void rewind(Sequence& sequence);

    // What StepPolicy weighs: who generates, and the prompts in progress, or else the one that is admitted next. The
    // span is valid until the next call.
    struct Demand {
        std::int32_t decode_rows = 0;
        std::int64_t decode_context = 0;
        std::span<const PendingPrompt> prompts;
    };
    Demand demand();

    std::span<Sequence* const> running() const { return running_; }
    std::int32_t waiting() const { return queue_.size(); }
    // When the first of them came (Sequence::arrived_ms); `now_ms` when none waits.
    double oldest_arrival_ms(double now_ms) const;
    std::int64_t preemptions() const { return preemptions_; }
    const SequenceBlocks& blocks() const { return blocks_; }

    // Aborts unless every hold on every block belongs to a sequence or the cache.
    void check_integrity() const { blocks_.check_integrity(running_); }

  private:
    enum class Admission { done, later, no_room };

    void plan_decode_rows();
    void plan_prompt_rows(std::int32_t budget);
    void admit_prompts(std::vector<Sequence*>& prompts);
    void plan_rows(Sequence& sequence, std::int32_t row_count);
    Admission admit(Sequence& sequence);
    std::int32_t share_rows(std::vector<Sequence*>& prompts, std::int32_t budget);
    bool is_long(const Sequence& sequence) const;
    bool is_being_computed(const Sequence& sequence, std::int32_t block) const;
    std::int32_t blocks_promised() const;
    void preempt(Sequence& sequence);
    void stop_running(Sequence& sequence);

    EngineOptions options_;
    SequenceBlocks blocks_;
    FairQueue queue_;
    std::vector<Sequence*> running_;  // best first: higher priority, then earlier arrival
    std::vector<std::int32_t> free_slots_;
    StepPlan plan_;
    std::vector<PendingPrompt> pending_;
    std::uint64_t plan_number_ = 0;
    bool may_admit_ = true;  // in the step being planned
    std::int64_t preemptions_ = 0;
};

}  // namespace gptoss::engine

#include "engine/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace gptoss::engine {

using model::kBlockTokens;

namespace {

// A share of the budget is not made smaller than this: a step for a few rows costs nearly as much as one for
// many.
constexpr std::int32_t kSmallestShare = 32;
// Plans to wait before an admission that lacked blocks is tried again: the search of the cache is not free.
constexpr std::uint64_t kPlansBetweenTries = 8;
// Waiting sequences looked past in one plan, for the same reason.
constexpr std::int32_t kMostSkipped = 16;

std::int32_t blocks_for(std::int32_t tokens) {
    return (tokens + kBlockTokens - 1) / kBlockTokens;
}

// Blocks of the full pool for all tokens known and the next one.
std::int32_t blocks_needed(const Sequence& sequence) {
    return blocks_for(std::min(sequence.token_count() + 1, sequence.token_limit - 1));
}

bool runs_before(const Sequence* a, const Sequence* b) {
    return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
}

}  // namespace

Scheduler::Scheduler(const EngineOptions& options)
    : options_(options),
      full_(options.full_blocks),
      sliding_(options.sliding_blocks),
      cache_(full_, sliding_, options.sliding_window) {
    // No more sequences at a time than the sliding pool has windows for: then a window is never waited for.
    const std::int32_t slots =
        std::min(options.max_sequences, options.sliding_blocks / most_window_blocks(options.sliding_window));
    check(slots > 0, "the sliding pool holds a window");
    for (std::int32_t slot = slots - 1; slot >= 0; --slot) free_slots_.push_back(slot);
}

void Scheduler::enqueue(Sequence& sequence) {
    check(sequence.token_count() < sequence.token_limit, "a new sequence has something to generate");
    check(blocks_for(sequence.token_limit - 1) <= full_.total(), "a sequence fits the pool when it is alone");
    queue_.push(sequence);
}

void Scheduler::remove(Sequence& sequence) {
    if (!sequence.running()) {
        queue_.remove(sequence);
        return;
    }
    stop_running(sequence);
    queue_.finished(sequence);
}

void Scheduler::preempt(Sequence& sequence) {
    ++preemptions_;
    stop_running(sequence);
    queue_.push_preempted(sequence);
}

void Scheduler::stop_running(Sequence& sequence) {
    ++sequence.epoch;
    sequence.in_flight = 0;
    release_blocks(sequence);
    free_slots_.push_back(sequence.slot);
    sequence.slot = -1;
    std::erase(running_, &sequence);
}

bool Scheduler::must_read_first() const {
    return std::ranges::any_of(running_, [](const Sequence* sequence) {
        return sequence->in_flight > 0 && !sequence->runs_ahead &&
               sequence->token_count() < sequence->token_limit;
    });
}

std::int32_t Scheduler::decoding() const {
    return static_cast<std::int32_t>(
        std::ranges::count_if(running_, [](const Sequence* s) { return s->rows_to_compute() <= 1; }));
}

const StepPlan& Scheduler::plan(std::int32_t prompt_rows) {
    check(prompt_rows > 0, "prompts always get on");
    ++plan_number_;
    for (;;) {
        plan_.rows.clear();
        plan_.copies.clear();
        plan_.decode_rows = plan_.prompt_rows = 0;
        plan_decode_rows();
        plan_prompt_rows(std::min(prompt_rows, options_.max_batch_tokens - plan_.decode_rows));
        const bool awaits_tokens =
            std::ranges::any_of(running_, [](const Sequence* s) { return s->in_flight > 0; });
        if (!plan_.rows.empty() || running_.empty() || awaits_tokens) break;
        // Unfinished prompts hold all blocks among them, and none can go on.
        check(running_.size() > 1, "a sequence that is alone can always go on");
        preempt(*running_.back());
    }
    return plan_;
}

void Scheduler::plan_decode_rows() {
    // By index: preemption takes sequences off the end, behind those already planned.
    for (std::size_t i = 0; i < running_.size(); ++i) {
        Sequence& sequence = *running_[i];
        const bool over = sequence.token_count() >= sequence.token_limit;
        const bool waits = sequence.in_flight > 0 && !sequence.runs_ahead;
        if (sequence.rows_to_compute() != 1 || over || waits) continue;
        while (sequence.running() && cover(sequence, 1) == 0) preempt(*running_.back());
        if (!sequence.running()) break;
        plan_rows(sequence, 1);
        ++plan_.decode_rows;
    }
}

void Scheduler::plan_prompt_rows(std::int32_t budget) {
    std::vector<Sequence*> prompts;
    for (Sequence* sequence : running_)
        if (sequence->rows_to_compute() > 1) prompts.push_back(sequence);
    queue_.start_round();
    bool may_admit = true;
    std::int32_t skipped = 0;
    while (budget > 0) {
        while (may_admit && prompts.size() < kPromptsAtOnce) {
            Sequence* candidate = queue_.best();
            const Admission result = candidate == nullptr ? Admission::no_room : admit(*candidate);
            if (result == Admission::done) prompts.push_back(candidate);
            if (result == Admission::later) queue_.skip(*candidate);
            may_admit = result == Admission::done || (result == Admission::later && ++skipped < kMostSkipped);
        }
        if (prompts.empty()) break;

        // Short ones first: what they do not need of their share is left to the others. If anything remains
        // in the end, all of them are done with this step, and there is a place for the next.
        std::ranges::stable_sort(prompts, {}, [](const Sequence* s) { return s->rows_to_compute(); });
        for (std::size_t i = 0; i < prompts.size() && budget > 0; ++i) {
            const auto left = static_cast<std::int32_t>(prompts.size() - i);
            const std::int32_t share = std::min(budget, std::max(budget / left, kSmallestShare));
            const std::int32_t rows = cover(*prompts[i], std::min(prompts[i]->rows_to_compute(), share));
            if (rows == 0) {
                may_admit = false;  // no blocks for those who are in already
                continue;
            }
            plan_rows(*prompts[i], rows);
            plan_.prompt_rows += rows;
            budget -= rows;
        }
        prompts.clear();
    }
}

void Scheduler::plan_rows(Sequence& sequence, std::int32_t row_count) {
    const bool samples = sequence.computed + row_count == sequence.token_count();
    plan_.rows.push_back({&sequence, sequence.computed, row_count, samples});
}

void Scheduler::commit() {
    for (const PlannedRows& rows : plan_.rows) {
        Sequence& sequence = *rows.sequence;
        sequence.computed += rows.row_count;
        if (rows.samples) ++sequence.in_flight;
        // The last position may be computed again (rewind), and must not be written once others read it.
        const auto known = static_cast<std::int32_t>(sequence.tokens.size());
        share_whole_blocks(sequence, std::min(sequence.computed, known) - 1);
        slide_window(sequence);
    }
}

void Scheduler::token_read(Sequence& sequence, TokenId token) {
    check(sequence.in_flight > 0, "a token is read once");
    --sequence.in_flight;
    sequence.tokens.push_back(token);
}

void Scheduler::rewind(Sequence& sequence) {
    check(sequence.in_flight <= 1, "at most one token was sampled too early");
    ++sequence.epoch;
    sequence.in_flight = 0;
    sequence.computed = std::min(sequence.computed, static_cast<std::int32_t>(sequence.tokens.size()) - 1);
}

Scheduler::Admission Scheduler::admit(Sequence& sequence) {
    const bool alone = running_.empty();
    if (free_slots_.empty() || (plan_number_ < sequence.retry_at && !alone)) return Admission::no_room;
    PrefixCache::Match match;
    if (options_.prefix_cache && sequence.shares) {
        // The last token is always computed: its logits are wanted.
        const std::span<const TokenId> usable = std::span(sequence.tokens).first(sequence.tokens.size() - 1);
        const auto whole = static_cast<std::int32_t>(usable.size()) / kBlockTokens;
        extend_hashes(sequence, whole);
        match = cache_.find(usable, std::span(sequence.hashes).first(whole));
        if (match.known_blocks < whole && is_being_computed(sequence, match.known_blocks))
            return Admission::later;
    }

    // Room for all tokens known and the next one, besides what those who run still need for theirs. Blocks
    // that could be evicted because nobody uses them do not count if this sequence is about to.
    const std::int32_t needed = blocks_needed(sequence) - static_cast<std::int32_t>(match.path.size());
    std::int32_t reserve = 0;
    for (const Sequence* other : running_)
        reserve += std::max(1, blocks_needed(*other) - static_cast<std::int32_t>(other->full_blocks.size()));
    const auto woken = static_cast<std::int32_t>(
        std::ranges::count_if(match.path, [&](BlockId node) { return cache_.is_unused(node); }));
    const std::int32_t available = full_.free() + cache_.evictable_full() - woken;
    bool fits = needed + reserve <= available || alone;
    if (fits) {
        take_match(sequence, match);
        fits = cover(sequence, 1) > 0;
        if (!fits) release_blocks(sequence);
    }
    if (!fits) {
        check(!alone, "a sequence that is alone fits");
        sequence.retry_at = plan_number_ + kPlansBetweenTries;
        return Admission::no_room;
    }

    queue_.take(sequence);
    sequence.slot = free_slots_.back();
    free_slots_.pop_back();
    running_.insert(std::ranges::upper_bound(running_, &sequence, runs_before), &sequence);
    if (!sequence.was_admitted) sequence.cached_tokens = sequence.computed;
    sequence.was_admitted = true;
    return Admission::done;
}

// Equal hashes at a block mean that everything up to its end is equal.
bool Scheduler::is_being_computed(const Sequence& sequence, std::int32_t block) const {
    return std::ranges::any_of(running_, [&](const Sequence* other) {
        return other->rows_to_compute() > 1 && other->shares && other->shared_blocks <= block &&
               static_cast<std::int32_t>(other->hashes.size()) > block &&
               other->hashes[block] == sequence.hashes[block];
    });
}

void Scheduler::take_match(Sequence& sequence, const PrefixCache::Match& match) {
    for (BlockId node : match.path) cache_.enter(node);
    sequence.full_blocks = match.path;
    sequence.sliding_blocks.assign(match.path.size(), kNoBlock);
    sequence.shared_blocks = static_cast<std::int32_t>(match.path.size());
    sequence.computed = sequence.shared_blocks * kBlockTokens;
    sequence.learned_branch = match.known_blocks;
    sequence.first_sliding = std::max(0, sequence.computed - options_.sliding_window + 1) / kBlockTokens;
    for (std::int32_t block = sequence.first_sliding; block < sequence.shared_blocks; ++block)
        sequence.sliding_blocks[block] = cache_.borrow_sliding(match.path[block]);

    if (match.copied == kNoBlock) return;
    // The source may be evicted to make room, even for the copy itself. That does no harm: copies are made in
    // their order and before anything is written.
    const BlockId sliding_source = cache_.sliding_of(match.copied);
    if (cover(sequence, 1) == 0) return;
    plan_copy(backend::Pool::full, match.copied, sequence.full_blocks.back());
    plan_copy(backend::Pool::sliding, sliding_source, sequence.sliding_blocks.back());
    sequence.computed += match.copied_tokens;
}

void Scheduler::plan_copy(backend::Pool pool, BlockId from, BlockId to) {
    if (from != to) plan_.copies.push_back({pool, from, to});
}

BlockId Scheduler::allocate_full() {
    if (full_.free() == 0) cache_.evict_full();
    return full_.allocate();
}

BlockId Scheduler::allocate_sliding() {
    if (sliding_.free() == 0) cache_.evict_sliding();
    return sliding_.allocate();
}

std::int32_t Scheduler::cover(Sequence& sequence, std::int32_t wanted) {
    const std::int32_t blocks = blocks_for(sequence.computed + wanted);
    auto held = [&] { return static_cast<std::int32_t>(sequence.full_blocks.size()); };
    while (held() < blocks) {
        const BlockId full = allocate_full();
        if (full == kNoBlock) break;
        const BlockId sliding = allocate_sliding();
        if (sliding == kNoBlock) {
            full_.release(full);
            break;
        }
        sequence.full_blocks.push_back(full);
        sequence.sliding_blocks.push_back(sliding);
    }
    return std::min(wanted, held() * kBlockTokens - sequence.computed);
}

void Scheduler::extend_hashes(Sequence& sequence, std::int32_t blocks) {
    const std::span<const TokenId> tokens = sequence.tokens;
    while (static_cast<std::int32_t>(sequence.hashes.size()) < blocks) {
        const std::size_t block = sequence.hashes.size();
        const std::uint64_t before = block == 0 ? 0 : sequence.hashes.back();
        sequence.hashes.push_back(chain_hash(before, tokens.subspan(block * kBlockTokens, kBlockTokens)));
    }
}

void Scheduler::share_whole_blocks(Sequence& sequence, std::int32_t known_positions) {
    if (!options_.prefix_cache || !sequence.shares) return;
    for (std::int32_t block = sequence.shared_blocks; (block + 1) * kBlockTokens <= known_positions;
         ++block) {
        extend_hashes(sequence, block + 1);
        const BlockId parent = block == 0 ? kNoBlock : sequence.full_blocks[block - 1];
        const std::span<const TokenId> text =
            std::span(sequence.tokens).subspan(static_cast<std::size_t>(block) * kBlockTokens, kBlockTokens);
        const BlockId node = cache_.add(parent, sequence.hashes[block], text, sequence.full_blocks[block],
                                        sequence.sliding_blocks[block]);
        if (node == kNoBlock) {
            sequence.shares = false;
            return;
        }
        sequence.full_blocks[block] = node;
        sequence.shared_blocks = block + 1;
        mark_branch_points(sequence, block);
    }
}

// A continuation at the end of the prompt, or where this text left another, needs the window before that
// place: the two blocks before it and the one it lies in.
void Scheduler::mark_branch_points(const Sequence& sequence, std::int32_t block) {
    const std::int32_t window_blocks = blocks_for(options_.sliding_window);
    auto leads_to = [&](std::int32_t place) { return block <= place && block >= place - window_blocks; };
    if (leads_to(sequence.prompt_count / kBlockTokens) ||
        (sequence.learned_branch > 0 && leads_to(sequence.learned_branch)))
        cache_.mark_branch_point(sequence.full_blocks[block]);
}

// Keeps one position more than the next row sees, for a rewind.
void Scheduler::slide_window(Sequence& sequence) {
    const std::int32_t first = std::max(0, sequence.computed - options_.sliding_window) / kBlockTokens;
    for (; sequence.first_sliding < first; ++sequence.first_sliding)
        give_up_sliding(sequence, sequence.first_sliding);
}

void Scheduler::give_up_sliding(Sequence& sequence, std::int32_t block) {
    const BlockId sliding = sequence.sliding_blocks[block];
    if (sliding == kNoBlock) return;
    const BlockId node = sequence.full_blocks[block];
    if (block < sequence.shared_blocks && cache_.sliding_of(node) == sliding)
        cache_.return_sliding(node);
    else
        sliding_.release(sliding);
    sequence.sliding_blocks[block] = kNoBlock;
}

void Scheduler::release_blocks(Sequence& sequence) {
    const std::int32_t known = std::min(sequence.computed, static_cast<std::int32_t>(sequence.tokens.size()));
    share_whole_blocks(sequence, known);
    const std::int32_t whole = known / kBlockTokens, rest = known % kBlockTokens;
    if (options_.prefix_cache && sequence.shares && sequence.shared_blocks == whole) {
        // Where a text ended is where the next turn goes on.
        for (std::int32_t block = std::max(0, whole - blocks_for(options_.sliding_window)); block < whole;
             ++block)
            cache_.mark_branch_point(sequence.full_blocks[block]);
        if (rest > 0) {
            const BlockId parent = whole == 0 ? kNoBlock : sequence.full_blocks[whole - 1];
            const std::span<const TokenId> text = std::span(sequence.tokens).subspan(known - rest, rest);
            cache_.keep_tail(parent, text, sequence.full_blocks[whole], sequence.sliding_blocks[whole]);
            sequence.full_blocks[whole] = sequence.sliding_blocks[whole] = kNoBlock;
        }
    }
    const auto blocks = static_cast<std::int32_t>(sequence.full_blocks.size());
    for (std::int32_t block = sequence.first_sliding; block < blocks; ++block)
        give_up_sliding(sequence, block);
    for (std::int32_t block = blocks - 1; block >= 0; --block) {
        if (sequence.full_blocks[block] == kNoBlock) continue;
        if (block < sequence.shared_blocks)
            cache_.leave(sequence.full_blocks[block]);
        else
            full_.release(sequence.full_blocks[block]);
    }
    sequence.full_blocks.clear();
    sequence.sliding_blocks.clear();
    sequence.computed = sequence.shared_blocks = sequence.first_sliding = 0;
}

void Scheduler::check_integrity() const {
    std::vector<std::int32_t> full(full_.total()), sliding(sliding_.total());
    cache_.count_holds(full, sliding);
    for (const Sequence* sequence : running_) {
        for (BlockId block : sequence->full_blocks) ++full[block];
        for (BlockId block : sequence->sliding_blocks)
            if (block != kNoBlock) ++sliding[block];
    }
    auto agree = [](const BlockPool& pool, const std::vector<std::int32_t>& holds) {
        for (BlockId block = 0; block < pool.total(); ++block)
            if (pool.holders(block) != holds[block]) return false;
        return pool.free() == std::ranges::count(holds, 0);
    };
    check(agree(full_, full), "every hold on a full block is accounted for");
    check(agree(sliding_, sliding), "every hold on a sliding block is accounted for");
}

}  // namespace gptoss::engine

#include "engine/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace gptoss::engine {

namespace {

// Plans to wait before an admission that lacked blocks is tried again: the search of the cache is not free.
constexpr std::uint64_t kPlansBetweenTries = 8;
// Waiting sequences whose beginning another computes, looked past in one plan, for the same reason.
constexpr std::int32_t kMostSkipped = 16;

// Blocks of the full pool for all tokens known and the next one.
std::int32_t blocks_needed(const Sequence& sequence) {
    return blocks_for(std::min(sequence.token_count() + 1, sequence.token_limit - 1));
}

bool runs_before(const Sequence* a, const Sequence* b) {
    return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
}

bool is_shorter(const Sequence* a, const Sequence* b) {
    if (a->priority != b->priority) return a->priority > b->priority;
    const std::int32_t rows_of_a = a->rows_to_compute(), rows_of_b = b->rows_to_compute();
    return rows_of_a != rows_of_b ? rows_of_a < rows_of_b : a->id < b->id;
}

bool is_prompt(const Sequence* sequence) {
    const std::int32_t rows = sequence->rows_to_compute();
    return rows > (sequence->computed >= sequence->prompt_count ? 1 + kMostForcedTokens : 1);
}

}  // namespace

Scheduler::Scheduler(const EngineOptions& options) : options_(options), blocks_(options) {
    // No more sequences at a time than the sliding pool has windows for: then a window is never waited for.
    const std::int32_t slots =
        std::min(options.max_sequences, options.sliding_blocks / most_window_blocks(options.sliding_window));
    check(slots > 0, "the sliding pool holds a window");
    for (std::int32_t slot = slots - 1; slot >= 0; --slot) free_slots_.push_back(slot);
}

void Scheduler::enqueue(Sequence& sequence) {
    check(sequence.token_count() < sequence.token_limit, "a new sequence has something to generate");
    check(blocks_for(sequence.token_limit - 1) <= blocks_.full_blocks_total(),
          "a sequence fits the pool when it is alone");
    const PrefixCache::Match match = blocks_.find(sequence);
    sequence.expected_rows = sequence.token_count() - match.copied_tokens -
                             static_cast<std::int32_t>(match.path.size()) * model::kBlockTokens;
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
    blocks_.release(sequence);
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

Scheduler::Demand Scheduler::demand() {
    Demand demand;
    std::vector<Sequence*> prompts;
    for (Sequence* sequence : running_) {
        if (is_prompt(sequence)) {
            prompts.push_back(sequence);
        } else {
            const std::int32_t rows = std::max(sequence->rows_to_compute(), 1);
            demand.decode_rows += rows;
            demand.decode_context += std::int64_t{rows} * sequence->computed;
        }
    }
    queue_.start_round();
    if (Sequence* next = queue_.best(); next != nullptr && prompts.empty()) prompts.push_back(next);
    const Sequence* first = prompts.empty() ? nullptr : *std::ranges::min_element(prompts, runs_before);
    std::ranges::sort(prompts, is_shorter);
    pending_.clear();
    for (const Sequence* sequence : prompts) {
        const std::int32_t rows = sequence->running() ? sequence->rows_to_compute() : sequence->expected_rows;
        pending_.push_back({rows, sequence->token_count() - rows, sequence == first});
    }
    demand.prompts = pending_;
    return demand;
}

double Scheduler::oldest_arrival_ms(double now_ms) const {
    double oldest_ms = now_ms;
    queue_.visit([&](const Sequence& sequence) { oldest_ms = std::min(oldest_ms, sequence.arrived_ms); });
    return oldest_ms;
}

const StepPlan& Scheduler::plan(std::int32_t prompt_rows) {
    check(prompt_rows > 0, "prompts always get on");
    ++plan_number_;
    for (;;) {
        plan_.rows.clear();
        plan_.copies.clear();
        plan_.shape = {};
        plan_decode_rows();
        plan_prompt_rows(std::min(prompt_rows, options_.max_batch_tokens - plan_.shape.decode_rows));
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
    // One row is everybody's; what remains is for tokens that needed no sampling.
    std::int32_t spare = options_.max_batch_tokens - static_cast<std::int32_t>(running_.size());
    // By index: preemption takes sequences off the end, behind those already planned.
    for (std::size_t i = 0; i < running_.size(); ++i) {
        Sequence& sequence = *running_[i];
        const bool over = sequence.token_count() >= sequence.token_limit;
        const bool waits = sequence.in_flight > 0 && !sequence.runs_ahead;
        if (is_prompt(&sequence) || sequence.rows_to_compute() < 1 || over || waits) continue;
        const std::int32_t wanted = std::min(sequence.rows_to_compute(), 1 + spare);
        std::int32_t rows = 0;
        while (sequence.running() && (rows = blocks_.cover(sequence, wanted)) == 0) preempt(*running_.back());
        if (!sequence.running()) break;
        plan_rows(sequence, rows);
        spare -= rows - 1;
        plan_.shape.decode_rows += rows;
        plan_.shape.decode_context += std::int64_t{rows} * sequence.computed;
    }
}

void Scheduler::plan_prompt_rows(std::int32_t budget) {
    std::vector<Sequence*> prompts;
    std::ranges::copy_if(running_, std::back_inserter(prompts), is_prompt);
    queue_.start_round();
    may_admit_ = true;
    while (budget > 0) {
        admit_prompts(prompts);
        if (prompts.empty()) return;
        budget = share_rows(prompts, budget);
        // If anything remains, all of them are done with this step, and there are places for the next.
        prompts.clear();
    }
}

// What of the budget is left.
std::int32_t Scheduler::share_rows(std::vector<Sequence*>& prompts, std::int32_t budget) {
    const Sequence* first = *std::ranges::min_element(prompts, runs_before);
    RowShares shares(budget, first->rows_to_compute());
    std::ranges::sort(prompts, is_shorter);
    for (Sequence* prompt : prompts) {
        const std::int32_t wanted = shares.of(prompt->rows_to_compute(), prompt == first);
        const std::int32_t rows = wanted > 0 ? blocks_.cover(*prompt, wanted) : 0;
        if (rows < wanted) may_admit_ = false;  // no blocks for those who are in already
        if (rows <= 0) continue;
        plan_rows(*prompt, rows);
        plan_.shape.prompt_rows += rows;
        plan_.shape.prompt_context += std::int64_t{rows} * (prompt->computed + rows / 2);
        shares.take(rows);
    }
    return shares.left();
}

void Scheduler::admit_prompts(std::vector<Sequence*>& prompts) {
    std::int32_t skipped = 0;
    while (may_admit_ && prompts.size() < kPromptsAtOnce) {
        Sequence* candidate = queue_.best();
        if (candidate == nullptr) return;
        const auto long_ones = std::ranges::count_if(prompts, [&](const Sequence* s) { return is_long(*s); });
        if (long_ones >= kLongPromptsAtOnce && is_long(*candidate)) {
            queue_.skip(*candidate);
            continue;
        }
        const Admission result = admit(*candidate);
        if (result == Admission::done) prompts.push_back(candidate);
        if (result == Admission::later) queue_.skip(*candidate);
        may_admit_ = result == Admission::done || (result == Admission::later && ++skipped < kMostSkipped);
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
        blocks_.advance(sequence);
    }
}

void Scheduler::token_read(Sequence& sequence, TokenId token) {
    check(sequence.in_flight > 0, "a token is read once");
    --sequence.in_flight;
    sequence.tokens.push_back(token);
}

void Scheduler::token_forced(Sequence& sequence, TokenId token) {
    check(sequence.in_flight == 0, "what is in flight comes before it");
    sequence.tokens.push_back(token);
    if (!sequence.running()) ++sequence.expected_rows;
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
    const PrefixCache::Match match = blocks_.find(sequence);
    const auto whole = static_cast<std::int32_t>(sequence.tokens.size() - 1) / model::kBlockTokens;
    if (match.known_blocks < whole && is_being_computed(sequence, match.known_blocks))
        return Admission::later;

    // Room for all tokens known and the next one, besides what those who run still need for theirs.
    const std::int32_t needed = blocks_needed(sequence) - static_cast<std::int32_t>(match.path.size());
    bool fits = alone || needed + blocks_promised() <= blocks_.available_beside(match);
    if (fits) {
        blocks_.take(sequence, match, plan_.copies);
        fits = blocks_.cover(sequence, 1) > 0;
        if (!fits) blocks_.release(sequence);
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
    sequence.expected_rows = sequence.rows_to_compute();
    if (!sequence.was_admitted) sequence.cached_tokens = std::min(sequence.computed, sequence.prompt_count);
    sequence.was_admitted = true;
    return Admission::done;
}

bool Scheduler::is_long(const Sequence& sequence) const {
    const std::int32_t rows = sequence.running() ? sequence.rows_to_compute() : sequence.expected_rows;
    return rows > kStepsOfALongPrompt * options_.max_batch_tokens;
}

// Equal hashes at a block mean that everything up to its end is equal.
bool Scheduler::is_being_computed(const Sequence& sequence, std::int32_t block) const {
    if (!options_.prefix_cache || !sequence.shares) return false;
    return std::ranges::any_of(running_, [&](const Sequence* other) {
        return is_prompt(other) && other->shares && other->shared_blocks <= block &&
               static_cast<std::int32_t>(other->hashes.size()) > block &&
               other->hashes[block] == sequence.hashes[block];
    });
}

std::int32_t Scheduler::blocks_promised() const {
    std::int32_t promised = 0;
    for (const Sequence* other : running_)
        promised += std::max(1, blocks_needed(*other) - static_cast<std::int32_t>(other->full_blocks.size()));
    return promised;
}

}  // namespace gptoss::engine

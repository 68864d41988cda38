#include "engine/step_loop.h"

#include <algorithm>
#include <bit>
#include <exception>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "engine/fingerprint.h"
#include "engine/step_calibration.h"

namespace gptoss::engine {
namespace {

constexpr std::size_t kStepsInFlight = 2;  // as many handles as a backend keeps

// The only token of a mask; -1 where there are several, kNoToken where there is none.
constexpr TokenId kNoToken = -2;
TokenId only_token(std::span<const std::uint32_t> mask) {
    TokenId only = kNoToken;
    for (std::size_t i = 0; i < mask.size(); ++i) {
        if (mask[i] == 0) continue;
        if (only != kNoToken || !std::has_single_bit(mask[i])) return -1;
        only = static_cast<TokenId>(i * 32) + std::countr_zero(mask[i]);
    }
    return only;
}

double milliseconds(Clock::duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

StepLoop::StepLoop(std::unique_ptr<backend::Backend> backend, const EngineOptions& options)
    : backend_(std::move(backend)),
      options_(options),
      scheduler_(options),
      policy_(options.scheduling, options.max_batch_tokens) {}

void StepLoop::measure_steps() {
    if (options_.measure_steps_ms > 0)
        engine::measure_steps(*backend_, options_, std::chrono::milliseconds(options_.measure_steps_ms),
                              costs_);
}

double StepLoop::now_ms() const {
    return milliseconds(Clock::now() - started_);
}

void StepLoop::add(std::unique_ptr<Request> request) {
    Request& added = *request;
    requests_.emplace(added.id, std::move(request));
    added.arrived_ms = milliseconds(added.submitted - started_);
    if (added.has_penalties())
        for (TokenId token : added.tokens) added.counts.add(token, 0);
    scheduler_.enqueue(added);
    if (prepare_next_token(added)) jump_ahead(added);
}

void StepLoop::cancel(RequestId id) {
    const auto found = requests_.find(id);
    if (found != requests_.end()) finish(*found->second, FinishReason::cancelled);
}

void StepLoop::finish_all(FinishReason reason, const std::string& error) {
    while (!requests_.empty()) finish(*requests_.begin()->second, reason, error);
    if (reason == FinishReason::error) in_flight_.clear();  // the backend will not deliver them
}

void StepLoop::step() {
    if (!in_flight_.empty() && scheduler_.must_read_first()) read_first();
    const Scheduler::Demand demand = scheduler_.demand();
    const PromptGrant grant =
        policy_.grant(costs_, demand.decode_rows, demand.decode_context, demand.prompts);
    const StepPlan& plan = scheduler_.plan(grant.rows);
    const bool planned = !plan.rows.empty();
    if (plan.shape.prompt_rows > 0) {
        ++totals_.steps_by_limit[static_cast<std::size_t>(grant.limit)];
        totals_.prompt_rows += plan.shape.prompt_rows;
        totals_.step_bound_ms = grant.bound_ms;
    }
    if (planned) submit(plan);
    const std::size_t steps_ahead = planned && backend_->info().asynchronous ? kStepsInFlight : 1;
    if (in_flight_.size() >= steps_ahead) collect();
}

void StepLoop::submit(const StepPlan& plan) {
    const Clock::time_point now = Clock::now();
    StepInFlight step;
    step.shape = plan.shape;
    step.submitted = now;
    for (const BlockCopy& copy : plan.copies) backend_->copy_block(copy.pool, copy.from, copy.to);
    build_batch(plan);
    backend_->forward({batch_tokens_, segments_, logits_rows_});
    build_samples(plan, step);
    step.handle = backend_->sample(samples_);

    for (const PlannedRows& rows : plan.rows) {
        auto& request = static_cast<Request&>(*rows.sequence);
        if (!request.has_sampled && rows.first_position < request.prompt_count)
            request.sink->on_prompt(rows.first_position);
        if (request.admitted != Clock::time_point{}) continue;
        request.admitted = now;
        totals_.prompt_tokens += request.prompt_count;
        totals_.cached_tokens += request.cached_tokens;
    }
    scheduler_.commit();
    ++totals_.steps;
    prompt_rate_.add(plan.shape.prompt_rows, now);
    in_flight_.push_back(std::move(step));
}

void StepLoop::build_batch(const StepPlan& plan) {
    batch_tokens_.clear();
    segments_.clear();
    logits_rows_.clear();
    for (const PlannedRows& rows : plan.rows) {
        const Sequence& sequence = *rows.sequence;
        segments_.push_back({.slot = sequence.slot,
                             .first_row = static_cast<std::int32_t>(batch_tokens_.size()),
                             .row_count = rows.row_count,
                             .first_position = rows.first_position,
                             .full_blocks = sequence.full_blocks,
                             .sliding_blocks = sequence.sliding_blocks});
        for (std::int32_t position = rows.first_position; position < rows.first_position + rows.row_count;
             ++position) {
            const bool known = position < static_cast<std::int32_t>(sequence.tokens.size());
            batch_tokens_.push_back(known ? sequence.tokens[position] : backend::kTokenFromLastSample);
        }
        if (rows.samples) logits_rows_.push_back(static_cast<std::int32_t>(batch_tokens_.size()) - 1);
    }
}

void StepLoop::build_samples(const StepPlan& plan, StepInFlight& step) {
    samples_.clear();
    for (const PlannedRows& rows : plan.rows) {
        if (!rows.samples) continue;
        auto& request = static_cast<Request&>(*rows.sequence);
        backend::SampleRow row;
        row.logits_index = static_cast<std::int32_t>(samples_.size());
        row.slot = request.slot;
        row.parameters = request.sampling;
        row.step = static_cast<std::uint64_t>(request.token_count() - request.prompt_count);
        row.allowed = request.allowed;
        row.allowed_id = request.mask.id;
        row.biases = request.biases;
        row.counts = request.counts.all();
        row.last_is_uncounted = request.has_penalties() && request.in_flight > 0;
        if (request.fingerprint && request.only_token < 0 &&
            row.step >= static_cast<std::uint64_t>(request.fingerprint_from))
            row.hidden_values = kFingerprintValues;
        samples_.push_back(row);
        step.rows.push_back({request.id, request.epoch});
    }
}

void StepLoop::wait_for_oldest() {
    StepInFlight& step = in_flight_.front();
    if (std::exchange(step.is_over, true)) return;
    step.tokens = backend_->wait(step.handle);
    check(step.tokens.size() == step.rows.size(), "a backend samples one token a row");
    const Clock::time_point now = Clock::now();
    // A step submitted ahead begins when the one before it ends.
    costs_.record(step.shape, milliseconds(now - std::max(step.submitted, last_collected_)));
    last_collected_ = now;
}

// Hands out the tokens of the oldest step in flight without which the next one cannot be planned. The device has
// nothing to do meanwhile.
void StepLoop::read_first() {
    wait_for_oldest();
    StepInFlight& step = in_flight_.front();
    for (std::size_t row = 0; row < step.rows.size(); ++row) {
        const auto found = requests_.find(step.rows[row].request);
        if (found == requests_.end() || found->second->epoch != step.rows[row].epoch ||
            found->second->runs_ahead)
            continue;
        step.rows[row] = {};  // nobody's any more
        deliver(*found->second, step.tokens[row]);
    }
}

// Waits for the oldest step in flight and hands out what is left of its tokens.
void StepLoop::collect() {
    wait_for_oldest();
    const StepInFlight step = std::move(in_flight_.front());
    in_flight_.pop_front();
    for (std::size_t row = 0; row < step.rows.size(); ++row) {
        const auto found = requests_.find(step.rows[row].request);
        if (found == requests_.end() || found->second->epoch != step.rows[row].epoch) continue;
        deliver(*found->second, step.tokens[row]);
    }
}

void StepLoop::deliver(Request& request, const backend::SampledToken& token) {
    const auto place = static_cast<std::int32_t>(request.tokens.size()) - request.prompt_count;
    scheduler_.token_read(request, token.token);
    request.has_sampled = true;
    bool is_live = false;
    if (!token.hidden.empty() && place < request.fingerprint_from) {  // sampled ahead of the one before it
        backend::SampledToken bare = token;
        bare.hidden.clear();
        is_live = hand_out(request, bare);
    } else {
        if (!token.hidden.empty()) request.fingerprint_from = next_fingerprint(place);
        is_live = hand_out(request, token);
    }
    if (is_live && prepare_next_token(request)) jump_ahead(request);
}

// False when the request is over with it.
bool StepLoop::hand_out(Request& request, const backend::SampledToken& token) {
    ++request.unreported;
    if (request.has_penalties()) request.counts.add(token.token, 1);
    try {
        // What follows a prompt without a choice is said with the first token that is sampled.
        if (request.has_sampled) report(request, token);
        if (request.constraint != nullptr) request.constraint->accept(token.token);
    } catch (const std::exception& error) {
        finish(request, FinishReason::error, error.what());
        return false;
    }
    const bool stops = request.stops_at(token.token);
    const bool is_full = request.is_full(0);
    if (stops || is_full) finish(request, stops ? FinishReason::stop : FinishReason::length);
    return !stops && !is_full;
}

// The sink hears what it has not heard; `last` is the last of it.
void StepLoop::report(Request& request, const backend::SampledToken& last) {
    request.last_token = Clock::now();
    if (request.generated() == 0) request.first_token = request.last_token;
    totals_.generated_tokens += request.unreported;
    generated_rate_.add(request.unreported, request.last_token);
    while (request.unreported > 1) {
        const auto place = request.tokens.size() - static_cast<std::size_t>(request.unreported--);
        request.sink->on_token({.token = request.tokens[place], .logprob = 0, .top = {}});
    }
    request.unreported = 0;
    request.sink->on_token(last);
}

// Asks the constraint which tokens may follow, and decides whether the next step may be submitted before this token
// is read. Returns false when the request has ended.
bool StepLoop::prepare_next_token(Request& request) {
    MaskIdentity mask;
    bool may_run_ahead = true;
    request.only_token = -1;
    if (request.constraint != nullptr) {
        try {
            request.allowed = request.constraint->allowed();
            mask = {request.allowed.empty(), request.allowed.empty() ? 0 : request.constraint->allowed_id()};
            may_run_ahead = mask.is_known() && !request.constraint->depends_on_last_token();
            if (!mask.empty) request.only_token = only_token(request.allowed);
            if (request.only_token == kNoToken && request.unreported > 0)
                report(request, {.token = request.tokens.back(), .logprob = 0, .top = {}});
        } catch (const std::exception& error) {
            finish(request, FinishReason::error, error.what());
            return false;
        }
        if (request.only_token == kNoToken) {
            finish(request, FinishReason::stop);  // nothing may follow: the text is complete
            return false;
        }
    }
    // A token sampled ahead was sampled under the mask of before.
    if (request.in_flight > 0 && !(mask == request.mask && mask.is_known())) scheduler_.rewind(request);
    request.mask = mask;
    request.runs_ahead = may_run_ahead;
    return true;
}

// Takes the tokens that leave no choice. Their rows are computed together with the next one's, in one step.
// Sampling depends on (seed, number of the token) alone, so the rest comes out as it would have. Who asked for
// log-probabilities needs the logits of each.
void StepLoop::jump_ahead(Request& request) {
    if (!options_.jump_ahead || request.sampling.top_logprobs >= 0) return;
    for (std::int32_t i = 0; i < kMostForcedTokens && request.only_token >= 0; ++i) {
        if (request.in_flight > 0) return;  // it is being sampled already
        const TokenId token = request.only_token;
        // A prompt is computed, and something sampled, before a request is over.
        if (!request.has_sampled && (request.stops_at(token) || request.is_full(1))) return;
        scheduler_.token_forced(request, token);
        ++totals_.forced_tokens;
        if (!hand_out(request, {.token = token, .logprob = 0, .top = {}}) || !prepare_next_token(request))
            return;
    }
}

void StepLoop::finish(Request& request, FinishReason reason, const std::string& error) {
    scheduler_.remove(request);
    const Clock::time_point now = Clock::now();
    const bool was_admitted = request.admitted != Clock::time_point{};
    Usage usage;
    usage.prompt_tokens = request.prompt_count;
    usage.cached_tokens = request.cached_tokens;
    usage.completion_tokens = request.generated();
    usage.queue_ms = milliseconds((was_admitted ? request.admitted : now) - request.submitted);
    if (usage.completion_tokens > 0 && was_admitted) {
        usage.prompt_ms = milliseconds(request.first_token - request.admitted);
        usage.generation_ms = milliseconds(request.last_token - request.first_token);
    } else if (was_admitted) {
        usage.prompt_ms = milliseconds(now - request.admitted);
    }
    if (was_admitted) mean_request_ms_ += 0.1 * (milliseconds(now - request.admitted) - mean_request_ms_);

    // Out of the table first: whatever the sink does, the request is over.
    const auto node = requests_.extract(request.id);
    try {
        request.sink->on_finish(reason, usage, error);
    } catch (const std::exception&) {
        // The sink heard of the end; what it makes of it is its own affair.
        return;
    }
}

EngineStats StepLoop::stats() const {
    EngineStats stats = totals_;
    stats.running = static_cast<std::int32_t>(scheduler_.running().size());
    stats.waiting = scheduler_.waiting();
    const SequenceBlocks& blocks = scheduler_.blocks();
    stats.full_blocks_used = blocks.full_blocks_in_use();
    stats.full_blocks_cached = blocks.full_blocks_cached();
    stats.full_blocks_total = options_.full_blocks;
    stats.sliding_blocks_used = blocks.sliding_blocks_in_use();
    stats.sliding_blocks_total = options_.sliding_blocks;
    stats.preemptions = scheduler_.preemptions();
    const double now = now_ms();
    stats.oldest_wait_ms = now - scheduler_.oldest_arrival_ms(now);
    return stats;
}

}  // namespace gptoss::engine

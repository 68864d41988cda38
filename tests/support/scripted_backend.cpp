#include "support/scripted_backend.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <thread>

#include "base/check.h"
#include "base/error.h"

namespace gptoss::test {

using backend::BlockId;
using backend::kNoBlock;
using model::kBlockTokens;

namespace {

constexpr std::size_t kHandlesKept = 3;  // a handle's tokens stay valid until the handle after the next one

}  // namespace

TokenId nearest_allowed(std::span<const std::uint32_t> mask, TokenId token, TokenId vocabulary) {
    const auto allows = [&] { return mask.empty() || ((mask[token / 32] >> (token % 32)) & 1U) != 0; };
    for (std::int32_t tried = 0; tried < vocabulary && !allows(); ++tried) token = (token + 1) % vocabulary;
    return token;
}

TokenSource hashed_source(TokenId vocabulary) {
    return [vocabulary](const Moment& moment) {
        std::uint64_t hash = moment.seed + moment.step;
        for (TokenId token : moment.history) {
            hash = (hash ^ static_cast<std::uint32_t>(token)) * 0x9E3779B97F4A7C15ULL;
            hash ^= hash >> 31;
        }
        return static_cast<TokenId>(hash % static_cast<std::uint64_t>(vocabulary));
    };
}

void ScriptBook::add(std::vector<TokenId> prompt_ending, std::vector<TokenId> answer) {
    std::ranges::reverse(prompt_ending);
    std::lock_guard lock(mutex_);
    answers_[std::move(prompt_ending)] = std::move(answer);
}

TokenSource ScriptBook::source() {
    return [this](const Moment& moment) {
        const std::span<const TokenId> prompt = moment.prompt();
        const std::vector<TokenId> reversed(prompt.rbegin(), prompt.rend());
        std::lock_guard lock(mutex_);
        // The longest ending that fits: endings are prefixes of the reversed prompt, and sort before it.
        for (auto entry = answers_.upper_bound(reversed); entry != answers_.begin();) {
            --entry;
            const auto& [ending, answer] = *entry;
            if (std::ranges::mismatch(ending, reversed).in1 != ending.end()) continue;
            return moment.step < answer.size() ? answer[moment.step] : end_;
        }
        return otherwise_(moment);
    };
}

ScriptedBackend::ScriptedBackend(const ScriptedOptions& options, TokenSource source)
    : options_(options),
      source_(std::move(source)),
      full_(static_cast<std::size_t>(options.full_blocks) * kBlockTokens),
      sliding_(static_cast<std::size_t>(options.sliding_blocks) * kBlockTokens),
      last_sampled_(options.max_sequences, -1),
      results_(kHandlesKept),
      ends_(kHandlesKept) {
    info_ = {.device = "script", .placement = "nowhere", .asynchronous = options.asynchronous};
}

void ScriptedBackend::forward(const backend::Batch& batch) {
    if (counts_.steps == options_.fail_at_step)
        throw Error(ErrorCode::device_failed, "the scripted device failed, as the test asked it to");
    const auto rows = static_cast<std::int32_t>(batch.tokens.size());
    check(rows > 0 && rows <= options_.max_batch_tokens, "a batch has at most max_batch_tokens rows");
    check(static_cast<std::int32_t>(batch.segments.size()) <= options_.max_sequences, "a segment a sequence");
    std::int32_t expected_row = 0;
    std::vector<bool> slot_seen(options_.max_sequences);
    for (const backend::Segment& segment : batch.segments) {
        check(segment.first_row == expected_row && segment.row_count > 0, "segments cover all rows in order");
        check(segment.slot >= 0 && segment.slot < options_.max_sequences, "a slot is one of max_sequences");
        check(!slot_seen[segment.slot], "no slot twice");
        slot_seen[segment.slot] = true;
        expected_row += segment.row_count;
    }
    check(expected_row == rows, "segments cover all rows");
    check(std::ranges::is_sorted(batch.logits_rows, std::less_equal<>()), "logits rows ascend");

    const auto segments = static_cast<std::int32_t>(batch.segments.size());
    for (std::int32_t index = 0; index < segments; ++index) write_segment(batch, index);
    histories_.assign(batch.logits_rows.size(), {});
    for (std::int32_t index = 0; index < segments; ++index) check_segment(batch, index);
    ++counts_.steps;
    counts_.rows += rows;
    counts_.most_rows_in_a_step = std::max(counts_.most_rows_in_a_step, rows);
}

void ScriptedBackend::write_segment(const backend::Batch& batch, std::int32_t index) {
    const backend::Segment& segment = batch.segments[index];
    for (std::int32_t i = 0; i < segment.row_count; ++i) {
        TokenId token = batch.tokens[segment.first_row + i];
        if (token == backend::kTokenFromLastSample) token = last_sampled_[segment.slot];
        check(token >= 0 && token < options_.vocabulary, "a row's token is in the vocabulary");
        const std::int32_t position = segment.first_position + i;
        const Cell written{token, position, counts_.steps, index};
        for (Cell* place : {&cell(full_, segment.full_blocks, position),
                            &cell(sliding_, segment.sliding_blocks, position)}) {
            check(place->step != counts_.steps, "two sequences write the same block in one step");
            *place = written;
        }
    }
}

// Reads what attention would read, and compares the two pools.
void ScriptedBackend::check_segment(const backend::Batch& batch, std::int32_t index) {
    const backend::Segment& segment = batch.segments[index];
    const std::int32_t end = segment.first_position + segment.row_count;
    std::vector<TokenId> history(end);
    for (std::int32_t position = 0; position < end; ++position) {
        const Cell& read = cell(full_, segment.full_blocks, position);
        check(read.position == position, "a full block holds the positions its table says");
        check(read.step < counts_.steps || read.segment == index,
              "blocks are not shared before they are computed");
        history[position] = read.token;
    }
    const std::int32_t window_start = std::max(0, segment.first_position - options_.sliding_window + 1);
    for (std::int32_t position = window_start; position < end; ++position) {
        const Cell& read = cell(sliding_, segment.sliding_blocks, position);
        check(read.position == position && read.token == history[position],
              "the sliding window holds the same tokens as the full blocks");
        check(read.step < counts_.steps || read.segment == index,
              "blocks are not shared before they are computed");
    }
    for (std::size_t wanted = 0; wanted < batch.logits_rows.size(); ++wanted) {
        const std::int32_t row = batch.logits_rows[wanted] - segment.first_row;
        if (row < 0 || row >= segment.row_count) continue;
        histories_[wanted].assign(history.begin(), history.begin() + segment.first_position + row + 1);
    }
}

ScriptedBackend::Cell& ScriptedBackend::cell(PoolCells& cells, std::span<const BlockId> table,
                                             std::int32_t position) {
    const std::size_t index = position / kBlockTokens;
    check(index < table.size() && table[index] != kNoBlock, "a block table covers what is read and written");
    const std::size_t place = static_cast<std::size_t>(table[index]) * kBlockTokens + position % kBlockTokens;
    check(place < cells.size(), "a block lies in its pool");
    return cells[place];
}

backend::StepHandle ScriptedBackend::sample(std::span<const backend::SampleRow> rows) {
    check(next_handle_ - next_wait_ < 2, "at most two handles are outstanding");
    std::vector<backend::SampledToken>& result = results_[next_handle_ % kHandlesKept];
    result.clear();
    for (const backend::SampleRow& row : rows) {
        const TokenId token = choose(row);
        last_sampled_[row.slot] = token;
        backend::SampledToken sampled{token, 0, {}};
        if (row.parameters.top_logprobs >= 0) sampled.logprob = -0.25F;
        // Made up, but sorted and with the sampled token first.
        for (std::int32_t i = 0; i < row.parameters.top_logprobs; ++i)
            sampled.top.push_back({(token + i) % options_.vocabulary, -0.25F - static_cast<float>(i)});
        result.push_back(sampled);
    }
    const std::chrono::duration<double, std::milli> step(options_.step_ms);
    device_free_ = std::max(device_free_, std::chrono::steady_clock::now()) +
                   std::chrono::duration_cast<std::chrono::steady_clock::duration>(step);
    ends_[next_handle_ % kHandlesKept] = device_free_;
    return next_handle_++;
}

namespace {

// Penalties: every token of the sequence is listed, with how often it was generated; the one in flight is the
// backend's to count.
void check_counts(const std::vector<TokenId>& history, const backend::SampleRow& row) {
    const auto prompt = static_cast<std::ptrdiff_t>(history.size() - row.step);
    std::map<TokenId, std::int32_t> expected;
    for (std::ptrdiff_t i = 0; i < std::ssize(history) - (row.last_is_uncounted ? 1 : 0); ++i)
        expected[history[static_cast<std::size_t>(i)]] += i >= prompt ? 1 : 0;
    check(expected.size() == row.counts.size(), "every token seen before is listed once");
    for (const auto& [token, count] : row.counts)
        check(expected.contains(token) && expected[token] == count, "a token's count is right");
}

}  // namespace

TokenId ScriptedBackend::choose(const backend::SampleRow& row) {
    const std::vector<TokenId>& history = histories_.at(row.logits_index);
    check(!history.empty(), "a sampled row wanted logits");
    check(row.step < history.size(), "there is a prompt");
    if (!row.counts.empty()) check_counts(history, row);
    const TokenId token = source_({history, row.step, row.parameters.seed});
    check(token >= 0 && token < options_.vocabulary, "the script speaks the vocabulary");
    return nearest_allowed(row.allowed, token, options_.vocabulary);
}

std::span<const backend::SampledToken> ScriptedBackend::wait(backend::StepHandle handle) {
    check(handle == next_wait_ && handle < next_handle_, "handles are waited for in order");
    ++next_wait_;
    if (options_.computes_meanwhile)
        std::this_thread::sleep_until(ends_[handle % kHandlesKept]);
    else if (options_.step_ms > 0)
        std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(options_.step_ms));
    return results_[handle % kHandlesKept];
}

void ScriptedBackend::read_logits(std::int32_t logits_index, std::span<float> out) {
    const std::vector<TokenId>& history = histories_.at(logits_index);
    std::ranges::fill(out, 0.0F);
    out[source_({history, 0, 0})] = 20.0F;
}

void ScriptedBackend::copy_block(backend::Pool pool, BlockId from, BlockId to) {
    PoolCells& cells = pool == backend::Pool::full ? full_ : sliding_;
    check(from != to, "a block is copied to another");
    const auto at = [&](BlockId block) {
        return cells.begin() + static_cast<std::ptrdiff_t>(block) * kBlockTokens;
    };
    std::copy_n(at(from), kBlockTokens, at(to));
    ++counts_.copies;
}

engine::EngineOptions engine_options(const ScriptedOptions& backend, engine::EngineOptions options) {
    if (options.context_length == 0) options.context_length = backend.full_blocks * kBlockTokens;
    options.max_sequences = backend.max_sequences;
    options.max_batch_tokens = backend.max_batch_tokens;
    options.full_blocks = backend.full_blocks;
    options.sliding_blocks = backend.sliding_blocks;
    options.sliding_window = backend.sliding_window;
    options.vocabulary = backend.vocabulary;
    return options;
}

}  // namespace gptoss::test

#include "backend/sequence_runner.h"

#include <algorithm>

#include "base/error.h"

namespace gptoss::backend {
namespace {

std::vector<BlockId> all_blocks(std::int32_t count) {
    std::vector<BlockId> blocks(count);
    for (std::int32_t i = 0; i < count; ++i) blocks[i] = count - 1 - i;  // taken from the back
    return blocks;
}

std::size_t blocks_for(std::int32_t positions) {
    return static_cast<std::size_t>((positions + model::kBlockTokens - 1) / model::kBlockTokens);
}

void give_back(std::vector<BlockId>& table, std::vector<BlockId>& free_blocks) {
    for (const BlockId block : table)
        if (block != kNoBlock) free_blocks.push_back(block);
    table.clear();
}

}  // namespace

SequenceRunner::SequenceRunner(Backend& backend, const model::MemoryPlan& plan, std::int32_t sliding_window)
    : backend_(backend),
      max_rows_(plan.request.max_batch_tokens),
      sliding_window_(sliding_window),
      free_full_(all_blocks(plan.full_blocks)),
      free_sliding_(all_blocks(plan.sliding_blocks)),
      sequences_(plan.request.max_sequences) {}

void SequenceRunner::extend(std::vector<BlockId>& table, std::int32_t positions,
                            std::vector<BlockId>& free_blocks) {
    while (table.size() < blocks_for(positions)) {
        if (free_blocks.empty())
            throw Error(ErrorCode::does_not_fit, "the KV pool has no free block left",
                        "Ask for a longer context or fewer sequences.");
        table.push_back(free_blocks.back());
        free_blocks.pop_back();
    }
}

void SequenceRunner::release_behind_window(Sequence& sequence) {
    // The next row sees positions from position - window + 1 on.
    const std::int32_t first_seen = std::max(0, sequence.position - sliding_window_ + 1);
    for (std::int32_t block = 0; block < first_seen / model::kBlockTokens; ++block) {
        BlockId& entry = sequence.sliding_blocks[block];
        if (entry != kNoBlock) free_sliding_.push_back(entry);
        entry = kNoBlock;
    }
}

void SequenceRunner::forward(std::span<const Feed> feeds) {
    std::vector<TokenId> tokens;
    std::vector<Segment> segments;
    std::vector<std::int32_t> logits_rows;
    for (const Feed& feed : feeds) {
        Sequence& sequence = sequences_[feed.slot];
        const auto count = static_cast<std::int32_t>(feed.tokens.size());
        extend(sequence.full_blocks, sequence.position + count, free_full_);
        extend(sequence.sliding_blocks, sequence.position + count, free_sliding_);
        const auto first_row = static_cast<std::int32_t>(tokens.size());
        segments.push_back(
            {feed.slot, first_row, count, sequence.position, sequence.full_blocks, sequence.sliding_blocks});
        tokens.insert(tokens.end(), feed.tokens.begin(), feed.tokens.end());
        for (std::int32_t row = first_row + count - feed.logits_rows; row < first_row + count; ++row)
            logits_rows.push_back(row);
    }
    backend_.forward({tokens, segments, logits_rows});
    for (const Feed& feed : feeds) {
        sequences_[feed.slot].position += static_cast<std::int32_t>(feed.tokens.size());
        release_behind_window(sequences_[feed.slot]);
    }
}

void SequenceRunner::prefill(std::int32_t slot, std::span<const TokenId> tokens, std::int32_t max_rows) {
    const std::size_t step = max_rows > 0 ? max_rows : max_rows_;
    for (std::size_t first = 0; first < tokens.size(); first += step) {
        const std::size_t count = std::min(step, tokens.size() - first);
        const Feed feed{slot, tokens.subspan(first, count), first + count == tokens.size() ? 1 : 0};
        forward({&feed, 1});
    }
}

void SequenceRunner::pretend(std::int32_t slot, std::int32_t tokens) {
    Sequence& sequence = sequences_[slot];
    while (tokens > 0) {
        // In steps, so that the sliding pool never holds more than a window and a block.
        const std::int32_t step = std::min(tokens, model::kBlockTokens);
        extend(sequence.full_blocks, sequence.position + step, free_full_);
        extend(sequence.sliding_blocks, sequence.position + step, free_sliding_);
        sequence.position += step;
        tokens -= step;
        release_behind_window(sequence);
    }
}

void SequenceRunner::clear(std::int32_t slot) {
    Sequence& sequence = sequences_[slot];
    give_back(sequence.full_blocks, free_full_);
    give_back(sequence.sliding_blocks, free_sliding_);
    sequence.position = 0;
}

}  // namespace gptoss::backend

#include "engine/sequence_blocks.h"

#include <algorithm>

#include "base/check.h"

namespace gptoss::engine {

using model::kBlockTokens;

SequenceBlocks::SequenceBlocks(const EngineOptions& options)
    : prefix_cache_(options.prefix_cache),
      window_(options.sliding_window),
      full_(options.full_blocks),
      sliding_(options.sliding_blocks),
      cache_(full_, sliding_, options.sliding_window) {}

PrefixCache::Match SequenceBlocks::find(Sequence& sequence) {
    if (!prefix_cache_ || !sequence.shares) return {};
    const std::span<const TokenId> usable = std::span(sequence.tokens).first(sequence.tokens.size() - 1);
    const auto whole = static_cast<std::int32_t>(usable.size()) / kBlockTokens;
    extend_hashes(sequence, whole);
    return cache_.find(usable, std::span(sequence.hashes).first(whole));
}

// Blocks that could be evicted because nobody uses them do not count if the match uses them.
std::int32_t SequenceBlocks::available_beside(const PrefixCache::Match& match) const {
    const auto woken = static_cast<std::int32_t>(
        std::ranges::count_if(match.path, [&](BlockId node) { return cache_.is_unused(node); }));
    return full_.free() + cache_.evictable_full() - woken;
}

void SequenceBlocks::take(Sequence& sequence, const PrefixCache::Match& match,
                          std::vector<BlockCopy>& copies) {
    for (BlockId node : match.path) cache_.enter(node);
    sequence.full_blocks = match.path;
    sequence.sliding_blocks.assign(match.path.size(), kNoBlock);
    sequence.shared_blocks = static_cast<std::int32_t>(match.path.size());
    sequence.computed = sequence.shared_blocks * kBlockTokens;
    sequence.learned_branch = match.known_blocks;
    sequence.first_sliding = std::max(0, sequence.computed - window_ + 1) / kBlockTokens;
    for (std::int32_t block = sequence.first_sliding; block < sequence.shared_blocks; ++block)
        sequence.sliding_blocks[block] = cache_.borrow_sliding(match.path[block]);

    if (match.copied == kNoBlock) return;
    // The source may be evicted to make room, even for the copy itself. That does no harm: copies are made in
    // their order and before anything is written.
    const BlockId sliding_source = cache_.sliding_of(match.copied);
    if (cover(sequence, 1) == 0) return;
    const auto add_copy = [&](backend::Pool pool, BlockId from, BlockId to) {
        if (from != to) copies.push_back({pool, from, to});
    };
    add_copy(backend::Pool::full, match.copied, sequence.full_blocks.back());
    add_copy(backend::Pool::sliding, sliding_source, sequence.sliding_blocks.back());
    sequence.computed += match.copied_tokens;
}

BlockId SequenceBlocks::allocate_full() {
    if (full_.free() == 0) cache_.evict_full();
    return full_.allocate();
}

BlockId SequenceBlocks::allocate_sliding() {
    if (sliding_.free() == 0) cache_.evict_sliding();
    return sliding_.allocate();
}

std::int32_t SequenceBlocks::cover(Sequence& sequence, std::int32_t wanted) {
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

void SequenceBlocks::advance(Sequence& sequence) {
    // The last position may be computed again (rewind), and must not be written once others read it.
    const auto known = static_cast<std::int32_t>(sequence.tokens.size());
    share_whole_blocks(sequence, std::min(sequence.computed, known) - 1);
    slide_window(sequence);
}

void SequenceBlocks::extend_hashes(Sequence& sequence, std::int32_t blocks) {
    const std::span<const TokenId> tokens = sequence.tokens;
    while (static_cast<std::int32_t>(sequence.hashes.size()) < blocks) {
        const std::size_t block = sequence.hashes.size();
        const std::uint64_t before = block == 0 ? 0 : sequence.hashes.back();
        sequence.hashes.push_back(chain_hash(before, tokens.subspan(block * kBlockTokens, kBlockTokens)));
    }
}

void SequenceBlocks::share_whole_blocks(Sequence& sequence, std::int32_t known_positions) {
    if (!prefix_cache_ || !sequence.shares) return;
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
void SequenceBlocks::mark_branch_points(const Sequence& sequence, std::int32_t block) {
    const std::int32_t window_blocks = blocks_for(window_);
    auto leads_to = [&](std::int32_t place) { return block <= place && block >= place - window_blocks; };
    if (leads_to(sequence.prompt_count / kBlockTokens) ||
        (sequence.learned_branch > 0 && leads_to(sequence.learned_branch)))
        cache_.mark_branch_point(sequence.full_blocks[block]);
}

// Keeps one position more than the next row sees, for a rewind.
void SequenceBlocks::slide_window(Sequence& sequence) {
    const std::int32_t first = std::max(0, sequence.computed - window_) / kBlockTokens;
    for (; sequence.first_sliding < first; ++sequence.first_sliding)
        give_up_sliding(sequence, sequence.first_sliding);
}

void SequenceBlocks::give_up_sliding(Sequence& sequence, std::int32_t block) {
    const BlockId sliding = sequence.sliding_blocks[block];
    if (sliding == kNoBlock) return;
    const BlockId node = sequence.full_blocks[block];
    if (block < sequence.shared_blocks && cache_.sliding_of(node) == sliding)
        cache_.return_sliding(node);
    else
        sliding_.release(sliding);
    sequence.sliding_blocks[block] = kNoBlock;
}

void SequenceBlocks::release(Sequence& sequence) {
    const std::int32_t known = std::min(sequence.computed, static_cast<std::int32_t>(sequence.tokens.size()));
    share_whole_blocks(sequence, known);
    const std::int32_t whole = known / kBlockTokens, rest = known % kBlockTokens;
    if (prefix_cache_ && sequence.shares && sequence.shared_blocks == whole) {
        // Where a text ended is where the next turn goes on.
        for (std::int32_t block = std::max(0, whole - blocks_for(window_)); block < whole; ++block)
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

void SequenceBlocks::check_integrity(std::span<Sequence* const> running) const {
    std::vector<std::int32_t> full(full_.total()), sliding(sliding_.total());
    cache_.count_holds(full, sliding);
    for (const Sequence* sequence : running) {
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

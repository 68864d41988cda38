#include "tokenizer/merge.h"

#include <algorithm>
#include <array>
#include <functional>

#include "base/check.h"
#include "base/step_bound.h"

namespace gptoss {
namespace {

TokenId token(Rank rank) {
    return static_cast<TokenId>(rank);
}

// Pieces up to this length, nearly all words, are merged by scanning all pairs for the lowest rank, which
// costs less than keeping a heap. Measured: anything from 12 to 48 is as good for English and code, Chinese
// wants 24 or less.
constexpr std::size_t kShortPiece_bytes = 24;

constexpr std::size_t kStepsOfLongByte = 8;  // a byte of a longer piece costs that much more

// A candidate for merging: rank above start, so that the smallest number is the lowest rank and of those the
// leftmost.
constexpr int kStartBits = 40;
constexpr std::uint64_t kStartMask = (std::uint64_t{1} << kStartBits) - 1;

}  // namespace

void PieceMerger::append(std::string_view piece, std::vector<TokenId>& out) {
    const Rank whole = ranks_.find(piece);
    if (whole != kNoRank) {
        out.push_back(token(whole));
    } else if (piece.size() <= kShortPiece_bytes) {
        StepBound::spend(piece.size());
        merge_short(piece, out);
    } else {
        StepBound::spend(kStepsOfLongByte * piece.size());
        merge_long(piece, out);
    }
}

void PieceMerger::merge_short(std::string_view piece, std::vector<TokenId>& out) const {
    // Part i is [start[i], start[i + 1]) and its token rank[i]; pair_rank[i] is that of parts i and i + 1,
    // signed because the instruction set that every processor has compares signed numbers only.
    std::array<std::uint8_t, kShortPiece_bytes + 1> start;
    std::array<Rank, kShortPiece_bytes> rank;
    std::array<std::int32_t, kShortPiece_bytes> pair_rank;
    constexpr std::int32_t kNoPair = INT32_MAX;
    const auto signed_rank = [](Rank found) {
        return found == kNoRank ? kNoPair : static_cast<std::int32_t>(found);
    };

    std::size_t parts = piece.size();
    for (std::size_t i = 0; i < parts; ++i) {
        start[i] = static_cast<std::uint8_t>(i);
        rank[i] = ranks_.find_byte(static_cast<unsigned char>(piece[i]));
        if (i + 1 < parts) pair_rank[i] = signed_rank(ranks_.find_two(piece.data() + i));
    }
    start[parts] = static_cast<std::uint8_t>(parts);

    const auto find_pair = [&](std::size_t i) {
        if (i + 1 >= parts) return kNoPair;
        return signed_rank(ranks_.find(piece.substr(start[i], start[i + 2] - start[i])));
    };
    while (parts > 1) {
        const std::size_t pairs = parts - 1;
        std::int32_t lowest_rank = kNoPair;
        for (std::size_t i = 0; i < pairs; ++i) lowest_rank = std::min(lowest_rank, pair_rank[i]);
        if (lowest_rank == kNoPair) break;
        std::size_t lowest = 0;
        while (pair_rank[lowest] != lowest_rank) ++lowest;

        rank[lowest] = static_cast<Rank>(lowest_rank);
        for (std::size_t i = lowest + 1; i < pairs; ++i) {
            start[i] = start[i + 1];
            rank[i] = rank[i + 1];
            pair_rank[i] = pair_rank[i + 1];
        }
        --parts;
        start[parts] = static_cast<std::uint8_t>(piece.size());
        pair_rank[lowest] = find_pair(lowest);
        if (lowest > 0) pair_rank[lowest - 1] = find_pair(lowest - 1);
    }
    for (std::size_t i = 0; i < parts; ++i) out.push_back(token(rank[i]));
}

// Parts in a linked list, candidate pairs in a heap: n log n.
void PieceMerger::merge_long(std::string_view piece, std::vector<TokenId>& out) {
    check(piece.size() <= kStartMask, "a start fits its bits of a candidate");
    parts_.resize(piece.size());
    candidates_.clear();
    for (std::size_t i = 0; i < piece.size(); ++i) {
        const Rank pair_rank = i + 1 < piece.size() ? ranks_.find_two(piece.data() + i) : kNoRank;
        parts_[i] = {1, 1, ranks_.find_byte(static_cast<unsigned char>(piece[i])), pair_rank};
        if (pair_rank != kNoRank) candidates_.push_back(std::uint64_t{pair_rank} << kStartBits | i);
    }
    std::make_heap(candidates_.begin(), candidates_.end(), std::greater<>());
    while (!candidates_.empty()) {
        std::pop_heap(candidates_.begin(), candidates_.end(), std::greater<>());
        const std::uint64_t best = candidates_.back();
        candidates_.pop_back();
        const std::size_t start = best & kStartMask;
        // A pair that has changed since is in the heap again under its new rank, or is gone.
        if (parts_[start].pair_rank == static_cast<Rank>(best >> kStartBits)) join(piece, start);
    }
    for (std::size_t i = 0; i < piece.size(); i += parts_[i].length_bytes)
        out.push_back(token(parts_[i].rank));
}

void PieceMerger::join(std::string_view piece, std::size_t start) {
    Part& left = parts_[start];
    Part& right = parts_[start + left.length_bytes];
    left.rank = left.pair_rank;
    left.length_bytes += right.length_bytes;
    right.pair_rank = kNoRank;  // its candidate is void
    const std::size_t behind = start + left.length_bytes;
    if (behind < piece.size()) parts_[behind].previous_length_bytes = left.length_bytes;
    consider(piece, start);
    if (start > 0) consider(piece, start - left.previous_length_bytes);
}

// Looks up the pair that begins at `start` anew.
void PieceMerger::consider(std::string_view piece, std::size_t start) {
    Part& part = parts_[start];
    const std::size_t middle = start + part.length_bytes;
    part.pair_rank = kNoRank;
    if (middle == piece.size()) return;
    part.pair_rank = ranks_.find(piece.substr(start, part.length_bytes + parts_[middle].length_bytes));
    if (part.pair_rank == kNoRank) return;
    candidates_.push_back(std::uint64_t{part.pair_rank} << kStartBits | start);
    std::push_heap(candidates_.begin(), candidates_.end(), std::greater<>());
}

void append_tokens_of_piece_slowly(const RankTable& ranks, std::string_view piece,
                                   std::vector<TokenId>& out) {
    if (const Rank whole = ranks.find(piece); whole != kNoRank) return out.push_back(token(whole));
    std::vector<std::string_view> parts;
    for (std::size_t i = 0; i < piece.size(); ++i) parts.push_back(piece.substr(i, 1));
    for (;;) {
        Rank lowest = kNoRank;
        std::size_t at = 0;
        for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
            const Rank rank = ranks.find({parts[i].data(), parts[i].size() + parts[i + 1].size()});
            if (rank < lowest) {
                lowest = rank;
                at = i;
            }
        }
        if (lowest == kNoRank) break;
        parts[at] = {parts[at].data(), parts[at].size() + parts[at + 1].size()};
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
    for (const std::string_view part : parts) out.push_back(token(ranks.find(part)));
}

}  // namespace gptoss

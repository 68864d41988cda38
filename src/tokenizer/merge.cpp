#include "tokenizer/merge.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <queue>

#include "base/check.h"

namespace gptoss {
namespace {

TokenId token(Rank rank) {
    return static_cast<TokenId>(rank);
}

// Pieces up to this length are merged by scanning all pairs for the lowest rank: no heap to keep, all in two
// cache lines. Words are shorter; longer pieces are mostly not words.
constexpr std::size_t kShortPiece_bytes = 48;

void merge_short(const RankTable& ranks, std::string_view piece, std::vector<TokenId>& out) {
    // Part i is [start[i], start[i + 1]) and its token rank[i]; pair_rank[i] is that of parts i and i + 1.
    std::array<std::uint8_t, kShortPiece_bytes + 1> start;
    std::array<Rank, kShortPiece_bytes> rank;
    std::array<Rank, kShortPiece_bytes> pair_rank;
    std::size_t parts = piece.size();
    for (std::size_t i = 0; i < parts; ++i) {
        start[i] = static_cast<std::uint8_t>(i);
        rank[i] = ranks.find_byte(static_cast<unsigned char>(piece[i]));
        pair_rank[i] = i + 1 < parts ? ranks.find_two(piece.data() + i) : kNoRank;
    }
    start[parts] = static_cast<std::uint8_t>(parts);

    const auto find_pair = [&](std::size_t i) {
        return i + 1 < parts ? ranks.find(piece.substr(start[i], start[i + 2] - start[i])) : kNoRank;
    };
    for (;;) {
        std::size_t lowest = 0;
        for (std::size_t i = 1; i + 1 < parts; ++i)
            if (pair_rank[i] < pair_rank[lowest]) lowest = i;
        if (pair_rank[lowest] == kNoRank) break;

        rank[lowest] = pair_rank[lowest];
        for (std::size_t i = lowest + 1; i + 1 < parts; ++i) {
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

// Long pieces: parts in a linked list, candidate pairs in a heap; n log n.
class LongMerge {
  public:
    LongMerge(const RankTable& ranks, std::string_view piece) : ranks_(ranks), piece_(piece) {
        check(piece.size() < (std::size_t{1} << kStartBits), "a start fits its bits of a candidate");
        parts_.resize(piece.size());
        std::vector<std::uint64_t> candidates;
        candidates.reserve(piece.size());
        for (std::size_t i = 0; i < piece.size(); ++i) {
            parts_[i] = {1, 1, ranks.find_byte(static_cast<unsigned char>(piece[i])), kNoRank};
            if (i + 1 == piece.size()) continue;
            parts_[i].pair_rank = ranks.find_two(piece.data() + i);
            if (parts_[i].pair_rank != kNoRank) candidates.push_back(candidate(parts_[i].pair_rank, i));
        }
        heap_ = Heap(std::greater<>(), std::move(candidates));
    }

    void run(std::vector<TokenId>& out) {
        while (!heap_.empty()) {
            const std::uint64_t lowest = heap_.top();
            heap_.pop();
            const std::size_t start = lowest & kStartMask;
            // A pair that has changed since is in the heap again under its new rank, or is gone.
            if (parts_[start].pair_rank == static_cast<Rank>(lowest >> kStartBits)) join(start);
        }
        for (std::size_t i = 0; i < piece_.size(); i += parts_[i].length)
            out.push_back(token(parts_[i].rank));
    }

  private:
    struct Part {  // valid at the first byte of each part
        std::uint32_t length = 0;
        std::uint32_t previous_length = 0;  // of the part before
        Rank rank = kNoRank;
        Rank pair_rank = kNoRank;  // of this part and the next together
    };
    // Rank above start, so that the smallest number is the lowest rank and of those the leftmost.
    static constexpr int kStartBits = 40;
    static constexpr std::uint64_t kStartMask = (std::uint64_t{1} << kStartBits) - 1;
    static std::uint64_t candidate(Rank rank, std::size_t start) {
        return static_cast<std::uint64_t>(rank) << kStartBits | start;
    }

    void join(std::size_t start) {
        Part& left = parts_[start];
        Part& right = parts_[start + left.length];
        left.rank = left.pair_rank;
        left.length += right.length;
        right.pair_rank = kNoRank;  // its candidate is void
        const std::size_t behind = start + left.length;
        if (behind < piece_.size()) parts_[behind].previous_length = left.length;
        consider(start);
        if (start > 0) consider(start - left.previous_length);
    }

    // Looks up the pair that begins at `start` anew.
    void consider(std::size_t start) {
        Part& part = parts_[start];
        const std::size_t middle = start + part.length;
        part.pair_rank = kNoRank;
        if (middle == piece_.size()) return;
        part.pair_rank = ranks_.find(piece_.substr(start, part.length + parts_[middle].length));
        if (part.pair_rank != kNoRank) heap_.push(candidate(part.pair_rank, start));
    }

    using Heap = std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>>;
    const RankTable& ranks_;
    std::string_view piece_;
    std::vector<Part> parts_;
    Heap heap_;
};

}  // namespace

void append_tokens_of_piece(const RankTable& ranks, std::string_view piece, std::vector<TokenId>& out) {
    const Rank whole = ranks.find(piece);
    if (whole != kNoRank) {
        out.push_back(token(whole));
    } else if (piece.size() <= kShortPiece_bytes) {
        merge_short(ranks, piece, out);
    } else {
        LongMerge(ranks, piece).run(out);
    }
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

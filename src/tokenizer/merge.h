// Byte-pair merging of one piece: while two neighbours together are a token, join the pair whose token has
// the lowest rank, the leftmost of equal ones. Equal to tiktoken's byte_pair_encode (src/lib.rs).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "tokenizer/rank_table.h"

namespace gptoss {

// Merges piece after piece, keeping its working memory from one to the next. Not for two threads at once.
class PieceMerger {
  public:
    // All 256 single bytes have ranks. `ranks` must outlive this.
    explicit PieceMerger(const RankTable& ranks) : ranks_(ranks) {}

    // Appends the tokens of `piece`. The whole piece is taken as one token where it is one, even if merging
    // would not reach it.
    void append(std::string_view piece, std::vector<TokenId>& out);

  private:
    // A part of a long piece; valid at the first byte of each.
    struct Part {
        std::uint32_t length_bytes;
        std::uint32_t previous_length_bytes;  // of the part before
        Rank rank;
        Rank pair_rank;  // of this part and the next together
    };
    void merge_short(std::string_view piece, std::vector<TokenId>& out) const;
    void merge_long(std::string_view piece, std::vector<TokenId>& out);
    void join(std::string_view piece, std::size_t start);
    void consider(std::string_view piece, std::size_t start);

    const RankTable& ranks_;
    std::vector<Part> parts_;
    std::vector<std::uint64_t> candidates_;  // a heap, the best pair first
};

// The slow, obvious form, quadratic in the piece: the reference of the tests.
void append_tokens_of_piece_slowly(const RankTable& ranks, std::string_view piece, std::vector<TokenId>& out);

}  // namespace gptoss

// Byte-pair merging of one piece: while two neighbours together are a token, join the pair whose token has
// the lowest rank, the leftmost of equal ones. Equal to tiktoken's byte_pair_encode (src/lib.rs).
#pragma once

#include <string_view>
#include <vector>

#include "base/types.h"
#include "tokenizer/rank_table.h"

namespace gptoss {

// Appends the tokens of `piece`. All 256 single bytes have ranks. The whole piece is taken as one token where
// it is one, even if merging would not reach it.
void append_tokens_of_piece(const RankTable& ranks, std::string_view piece, std::vector<TokenId>& out);

// The slow, obvious form, quadratic in the piece: the reference of the tests.
void append_tokens_of_piece_slowly(const RankTable& ranks, std::string_view piece, std::vector<TokenId>& out);

}  // namespace gptoss

// Recursive Length Prefix, the encoding transactions are signed in (Ethereum yellow paper, appendix B).
// Encoding only.
#pragma once

#include <span>

#include "provenance/chain/bytes.h"

namespace gptoss::provenance::chain::rlp {

Bytes text(std::span<const std::uint8_t> bytes);
Bytes number(Amount amount);           // big-endian without leading zeros; zero is the empty string
Bytes number(const Word& big_endian);  // a signature's r and s
Bytes list(std::span<const Bytes> encoded_items);

}  // namespace gptoss::provenance::chain::rlp

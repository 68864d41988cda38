// Where a reply had to end, from its tokens and its form alone.
#pragma once

#include <span>
#include <string>

#include "api/reply_form.h"
#include "provenance/chain/reply_receipt.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::node {

// What of the receipt's counts and of its end does not fit the tokens; empty when all does. `complete`: the form
// lets nothing follow the last token.
std::string end_fault(const provenance::chain::ReplyReceipt& receipt, const api::ReplyForm& form,
                      const Tokenizer& tokenizer, std::span<const TokenId> output, bool complete);

}  // namespace gptoss::node

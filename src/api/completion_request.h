// POST /v1/completions: raw text in, raw text out. No harmony is applied, so special tokens spelled in a
// prompt are themselves: the way for evaluation harnesses and for clients that render on their own.
#pragma once

#include <string>
#include <vector>

#include "api/generation_intent.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::api {

struct CompletionRequest : GenerationIntent {
    bool echo = false;
};

// Throws Error(request_invalid) naming the field. A prompt that is longer than `context_length` is read no
// further.
CompletionRequest read_completion_request(const Json& request, const Tokenizer& tokenizer,
                                          std::size_t context_length = Tokenizer::kNoMost);

// A JSON array of token ids of this vocabulary. Throws Error(request_invalid) naming `path`.
std::vector<TokenId> read_tokens(const Json& array, const std::string& path, const Tokenizer& tokenizer);

}  // namespace gptoss::api

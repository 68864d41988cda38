// One token's log-probability as OpenAI's newer endpoints write it.
#pragma once

#include <string>

#include "api/json_reader.h"
#include "backend/sampling.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::api {

// {"token", "logprob", "bytes"}
inline Json token_logprob_json(const Tokenizer& tokenizer, TokenId token, float logprob) {
    const std::string_view bytes = tokenizer.bytes(token);
    Json list = Json::array();
    for (const char byte : bytes) list.push_back(static_cast<unsigned char>(byte));
    return {{"token", std::string(bytes)}, {"logprob", logprob}, {"bytes", std::move(list)}};
}

// With the most likely tokens at its place in "top_logprobs".
inline Json sampled_logprob_json(const Tokenizer& tokenizer, const backend::SampledToken& sampled) {
    Json entry = token_logprob_json(tokenizer, sampled.token, sampled.logprob);
    entry["top_logprobs"] = Json::array();
    for (const backend::TokenLogprob& other : sampled.top)
        entry["top_logprobs"].push_back(token_logprob_json(tokenizer, other.token, other.logprob));
    return entry;
}

}  // namespace gptoss::api

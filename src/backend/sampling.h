// How a token is chosen from a row of logits: the rule every backend follows, so that the same seed gives the
// same choice on each.
//
// Rule, in this order, over the tokens that are allowed:
//   1. penalties and biases:  l += bias;  l = l > 0 ? l / repetition : l * repetition  (tokens seen before);
//      l -= frequency * count + presence * (count > 0)
//   2. temperature 0 (below kSmallestTemperature): the largest logit wins, the lowest id on ties. Done.
//   3. l /= temperature;  top_k keeps the k largest;  top_p keeps the smallest set whose probability reaches
//   p
//      (the token that crosses p is kept);  min_p drops tokens below min_p times the largest probability
//   4. Gumbel-max: the token with the largest l + g(seed, step, token) wins, g = -ln(-ln u), u from
//      uniform(seed, step, token) below. This samples the softmax exactly, in one pass, without a sort or a
//      sum.
// Log-probabilities are of the model's own distribution: after step 1, before temperature (OpenAI's meaning).
#pragma once

#include <cstdint>
#include <vector>

#include "base/types.h"

#if defined(__CUDACC__)
#define GPTOSS_HOST_DEVICE __host__ __device__
#else
#define GPTOSS_HOST_DEVICE
#endif

namespace gptoss::backend {

// Below it a temperature counts as 0: logits divided by less would overflow float32.
inline constexpr float kSmallestTemperature = 1e-6F;

struct SamplingParameters {
    float temperature = 1.0F;  // gpt-oss is meant to be sampled at 1, 1, off, off
    float top_p = 1.0F;
    float min_p = 0.0F;
    std::int32_t top_k = 0;           // 0 = off
    float repetition_penalty = 1.0F;  // 1 = off
    float frequency_penalty = 0.0F;
    float presence_penalty = 0.0F;
    std::uint64_t seed = 0;
    std::int32_t top_logprobs =
        -1;  // -1 = no log-probabilities, 0 = the sampled token's, n = the n largest too
};

struct TokenBias {
    TokenId token = 0;
    float bias = 0;
};

// A token seen before. Each token is listed once.
struct TokenCount {
    TokenId token = 0;
    std::int32_t count =
        0;  // among the generated tokens; 0 = in the prompt only: just the repetition penalty
};

struct TokenLogprob {
    TokenId token = 0;
    float logprob = 0;
};

// Of the hidden state that the head makes logits of.
struct HiddenValue {
    std::int32_t index = 0;
    float value = 0;
};

struct SampledToken {
    TokenId token = 0;
    float logprob = 0;                     // when asked for
    std::vector<TokenLogprob> top;         // when asked for, most probable first
    std::vector<HiddenValue> hidden = {};  // when asked for, the largest by magnitude first
};

// A number in (0, 1) that depends only on its arguments: SplitMix64's finaliser (Steele, Lea, Flood 2014)
// over a mix of the three. Bit-identical on every device.
GPTOSS_HOST_DEVICE inline float uniform(std::uint64_t seed, std::uint64_t step, std::int32_t token) {
    std::uint64_t x = seed + 0x9E3779B97F4A7C15ULL * (step + 1);
    x ^= static_cast<std::uint64_t>(static_cast<std::uint32_t>(token)) * 0xD1B54A32D192ED03ULL;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    x ^= x >> 31;
    // 23 bits and a half keep the result strictly inside (0, 1) in float32.
    return (static_cast<float>(x >> 41) + 0.5F) * (1.0F / 8388608.0F);
}

}  // namespace gptoss::backend

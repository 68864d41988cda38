// What every endpoint that generates has in common: sampling, limits, stop strings, how many, streamed or
// not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/json_reader.h"
#include "backend/sampling.h"

namespace gptoss::api {

struct GenerationOptions {
    backend::SamplingParameters sampling;  // the seed is drawn at random when the client names none
    std::vector<backend::TokenBias> biases;
    std::vector<std::string> stop;  // applied to what the user sees, never to reasoning or tool arguments
    std::optional<std::int32_t> max_tokens;  // nothing = up to the context length
    std::int32_t choices = 1;                // `n`
    bool stream = false;
    bool include_usage = false;  // stream_options.include_usage
};

inline constexpr std::int64_t kMostChoices = 128;
inline constexpr std::int64_t kMostTopLogprobs = 20;

// The fields that the client gave and the node does not act on, once all others were read.
std::vector<std::string> ignored_fields(const Fields& request);

// The stop strings in `field`: a string or an array of strings. Throws Error(request_invalid).
std::vector<std::string> read_stop_strings(const Fields& request, std::string_view field);

// Throws Error(request_invalid) naming the field. logprobs are read by the endpoints: their types differ.
GenerationOptions read_generation_options(const Fields& request);

}  // namespace gptoss::api

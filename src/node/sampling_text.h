// How a receipt spells the settings its reply was drawn with: "temperature=1 top_p=1 … constrained=0", then
// " logit_bias=token:bias,…" where there are any. Written and read by the same table.
#pragma once

#include <string>
#include <vector>

#include "backend/sampling.h"

namespace gptoss::node {

struct SignedSampling {
    backend::SamplingParameters sampling;  // all but the seed and logprobs, which the text does not hold
    std::vector<backend::TokenBias> biases;
    bool constrained = false;  // tokens outside the form asked for could not be drawn
};

// Shortest digits that read back as the same numbers.
std::string sampling_text(const SignedSampling& settings);

// Throws Error(file_corrupt) for a value that is no number, Error(file_unsupported) for a name not known.
SignedSampling read_sampling_text(const std::string& text);

}  // namespace gptoss::node

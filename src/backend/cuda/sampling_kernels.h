// Sampling on the device by the rule of backend/sampling.h: two kernels, a fast one that is all there is for
// a plain temperature, and one for rows with top_k, top_p, min_p or log-probabilities.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/sampling.h"

namespace gptoss::backend::cuda {

inline constexpr std::int32_t kMostTopLogprobs = 128;

// One row to sample, in device memory.
struct SampleJob {
    const float* logits = nullptr;  // [vocabulary], of the model
    float* adjusted = nullptr;      // [vocabulary] scratch, when there are biases or counts; else null
    const std::uint32_t* allowed = nullptr;  // null = all but padding
    const TokenBias* biases = nullptr;
    const TokenCount* counts = nullptr;
    std::int32_t bias_count = 0, count_count = 0;
    std::int32_t slot = 0;
    SamplingParameters parameters;
    std::uint64_t step = 0;
};

struct SampleResult {
    TokenId token = 0;
    float logprob = 0;
    std::int32_t top_count = 0;
    TokenLogprob top[kMostTopLogprobs];
};

// Scratch a row needs between the kernels; zero before the first use, left zero behind.
struct SampleScratch {
    unsigned long long largest = 0;  // packed choice: largest logit
    unsigned long long noisy = 0;    // packed choice: largest logit / temperature + noise
    std::uint32_t tickets = 0;
};

// `any_adjusted`: some job has biases or counts; `any_filtered`: some job is not plain. Writes results[i] and
// last_tokens[jobs[i].slot].
void launch_sampling(const SampleJob* jobs, std::int32_t count, std::int32_t vocabulary,
                     std::int32_t padding_from, bool any_adjusted, bool any_filtered, SampleScratch* scratch,
                     SampleResult* results, std::int32_t* last_tokens, cudaStream_t stream);

// True when the fast kernel alone cannot sample such a row.
bool needs_filters(const SamplingParameters& parameters);

}  // namespace gptoss::backend::cuda

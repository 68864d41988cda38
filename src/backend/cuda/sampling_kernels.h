// Sampling on the device by the rule of backend/sampling.h. A plain temperature takes one kernel; top_k, top_p
// and min_p two more (sampling_filter.cu); log-probabilities a kernel with one block a row.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/sampling.h"

namespace gptoss::backend::cuda {

inline constexpr std::int32_t kMostTopLogprobs = 128;
inline constexpr std::int32_t kMostVocabulary = 262080;  // 64 blocks of 4,095 tokens (sampling_filter.cu)

// One row to sample, in device memory.
struct SampleJob {
    const float* logits = nullptr;  // [vocabulary], of the model
    float* adjusted = nullptr;      // [vocabulary] scratch, when there are biases or counts; else null
    const std::uint32_t* allowed = nullptr;  // null = all but padding
    const TokenBias* biases = nullptr;
    const TokenCount* counts = nullptr;
    std::int32_t bias_count = 0, count_count = 0;
    std::int32_t slot = 0;
    bool last_is_uncounted = false;  // the slot's last token is missing from `counts`
    SamplingParameters parameters;
    std::uint64_t step = 0;
};

// The rows of a step. A few are parameters of the kernels: copied to the device, they would hold up the stream between
// the head and the first kernel.
struct SampleJobs {
    static constexpr std::int32_t kFew = 8;
    SampleJob few[kFew];
    const SampleJob* many = nullptr;  // in device memory when there are more
};

struct SampleResult {
    TokenId token = 0;
    float logprob = 0;
    std::int32_t top_count = 0;
    TokenLogprob top[kMostTopLogprobs];
};

// Tokens and probability mass by distance from the largest logit. Zero between steps.
struct SampleHistogram {
    std::uint32_t counts[2048];
    unsigned long long masses[2048];
};

// The bins in which top_k and top_p cut, as the histogram shows them; -1 = does not cut.
struct FilterCuts {
    std::int32_t k_bin = -1;                   // top_k's
    std::int32_t low_bin = -1, high_bin = -1;  // top_p's is one of these
    std::int32_t sure_above = -1;              // tokens of higher bins are kept
    std::uint32_t rest_of_k = 0;               // tokens of k_bin that top_k keeps
    unsigned long long mass = 0;               // of the bins above k_bin, or of all
    unsigned long long mass_above_list = 0;    // of the bins above high_bin
};

inline constexpr std::int32_t kListedKeys = 4096;

// Scratch a row needs between the kernels; numbers are zero before the first use and left zero behind.
struct SampleScratch {
    unsigned long long largest = 0;  // packed choice: largest logit
    unsigned long long noisy = 0;    // packed choice: largest logit / temperature + noise
    std::uint32_t semaphores = 0;
    std::uint32_t listed = 0;
    FilterCuts cuts;
    unsigned long long* list = nullptr;  // [kListedKeys]
    SampleHistogram* histogram = nullptr;
};

// What some row of the step needs.
struct SamplingWork {
    bool adjusts = false;  // biases or penalties
    bool cuts = false;     // top_k, top_p or min_p
    bool logprobs = false;
};

// Writes results[i], which may be the host's pinned memory, and last_tokens[slot of job i], which adjusting reads. At
// most kMostVocabulary logits a row.
void launch_sampling(const SampleJobs& jobs, std::int32_t count, std::int32_t vocabulary,
                     std::int32_t padding_from, const SamplingWork& work, SampleScratch* scratch,
                     SampleResult* results, std::int32_t* last_tokens, cudaStream_t stream);
bool needs_cuts(const SamplingParameters& parameters);

// Its parts: rows with cuts and without log-probabilities; then rows that are left, one block each.
void launch_cut_sampling(const SampleJobs& jobs, std::int32_t count, std::int32_t vocabulary,
                         std::int32_t padding_from, SampleScratch* scratch, SampleResult* results,
                         std::int32_t* last_tokens, cudaStream_t stream);
void launch_one_block_sampling(const SampleJobs& jobs, std::int32_t count, std::int32_t vocabulary,
                               std::int32_t padding_from, SampleScratch* scratch, SampleResult* results,
                               std::int32_t* last_tokens, cudaStream_t stream);

}  // namespace gptoss::backend::cuda

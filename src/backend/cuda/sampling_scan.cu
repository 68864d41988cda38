// Sampling's first two kernels: penalties and biases, then the largest logit and, for rows from which nothing
// is cut off, the token itself.
#include "backend/cuda/memory.h"
#include "backend/cuda/sampling_parts.cuh"
#include "base/check.h"

namespace gptoss::backend::cuda {
namespace {

// Step 1 of the rule, for rows that have something to adjust. A row's blocks each adjust a part of the
// vocabulary of their own.
__global__ void __launch_bounds__(kScanThreads)
    adjust_kernel(const __grid_constant__ SampleJobs jobs, std::int32_t vocabulary,
                  const std::int32_t* last_tokens) {
    const SampleJob job = job_of(jobs, blockIdx.y);
    if (job.adjusted == nullptr) return;
    const int thread = static_cast<int>(threadIdx.x);
    const int part = (vocabulary + kScanBlocks - 1) / kScanBlocks,
              first = static_cast<int>(blockIdx.x) * part;
    const int end = min(first + part, vocabulary);
    const auto is_own = [&](TokenId token) { return token >= first && token < end; };
    constexpr int kAtOnce = 8;
    for (int base = first + thread; base < end; base += kAtOnce * kScanThreads) {
        float logits[kAtOnce];
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i)
            logits[i] = base + i * kScanThreads < end ? job.logits[base + i * kScanThreads] : 0.0F;
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i)
            if (base + i * kScanThreads < end) job.adjusted[base + i * kScanThreads] = logits[i];
    }
    __syncthreads();
    for (int i = thread; i < job.bias_count; i += kScanThreads)
        if (is_own(job.biases[i].token)) atomicAdd(job.adjusted + job.biases[i].token, job.biases[i].bias);
    __syncthreads();
    const SamplingParameters& p = job.parameters;
    const auto penalise = [&](TokenId token, std::int32_t count) {
        float logit = job.adjusted[token];
        logit = logit > 0 ? logit / p.repetition_penalty : logit * p.repetition_penalty;
        if (count > 0) logit -= p.frequency_penalty * static_cast<float>(count) + p.presence_penalty;
        job.adjusted[token] = logit;
    };
    // The token that is still on its way to the host is not among the counts; it may have been seen before.
    const TokenId uncounted = job.last_is_uncounted ? last_tokens[job.slot] : -1;
    bool is_listed = false;
    for (int i = thread; i < job.count_count; i += kScanThreads) {
        const auto [token, count] = job.counts[i];
        if (!is_own(token)) continue;
        is_listed = is_listed || token == uncounted;
        penalise(token, count + (token == uncounted ? 1 : 0));
    }
    if (__syncthreads_or(is_listed) == 0 && thread == 0 && is_own(uncounted)) penalise(uncounted, 1);
}

// What is sampled when no allowed token has a usable logit. One thread.
__device__ TokenId lowest_allowed(const RowView& row) {
    if (row.job.allowed == nullptr) return 0;
    for (TokenId base = 0; base < row.limit; base += 32) {
        const std::uint32_t word = row.job.allowed[base / 32];
        if (word == 0) continue;
        const TokenId token = base + __ffs(static_cast<int>(word)) - 1;
        return token < row.limit ? token : 0;
    }
    return 0;
}

// Steps 2 and 4 for all rows; final for plain ones. The last block of a row to finish writes the token.
__global__ void __launch_bounds__(kScanThreads)
    scan_kernel(const __grid_constant__ SampleJobs jobs, std::int32_t vocabulary, std::int32_t padding_from,
                SampleScratch* scratch, SampleResult* results, std::int32_t* last_tokens) {
    __shared__ SampleKey largest_of_warp[kScanThreads / 32], noisy_of_warp[kScanThreads / 32];
    const SampleJob job = job_of(jobs, blockIdx.y);
    const RowView row = view_of(job, vocabulary, padding_from);
    const SamplingParameters& p = job.parameters;
    const bool greedy = is_greedy(p), draws = !greedy && !has_cuts(p);
    SampleKey largest = 0, noisy = 0;
    for_each_key(row, static_cast<TokenId>(blockIdx.x * kScanThreads + threadIdx.x),
                 kScanThreads * kScanBlocks, vocabulary, [&](SampleKey key) {
                     largest = max(largest, key);
                     if (draws)
                         noisy =
                             max(noisy, key_of(value_of(key) / p.temperature + noise_of(job, token_of(key)),
                                               token_of(key)));
                 });
    largest = warp_largest(largest);
    noisy = warp_largest(noisy);
    const int warp = static_cast<int>(threadIdx.x) / 32;
    if (threadIdx.x % 32 == 0) largest_of_warp[warp] = largest, noisy_of_warp[warp] = noisy;
    __syncthreads();
    if (threadIdx.x != 0) return;
    for (int other = 1; other < kScanThreads / 32; ++other) {
        largest = max(largest, largest_of_warp[other]);
        noisy = max(noisy, noisy_of_warp[other]);
    }
    SampleScratch& sums = scratch[blockIdx.y];
    atomicMax(&sums.largest, largest);
    atomicMax(&sums.noisy, noisy);
    __threadfence();
    if (atomicAdd(&sums.semaphores, 1U) != kScanBlocks - 1) return;
    __threadfence();
    largest = atomicMax(&sums.largest, 0ULL);
    noisy = atomicMax(&sums.noisy, 0ULL);
    sums.semaphores = 0;
    if ((has_cuts(p) || p.top_logprobs >= 0) && largest != 0) return;  // the next kernels go on
    const TokenId token = largest == 0 ? lowest_allowed(row) : token_of(greedy ? largest : noisy);
    sums.largest = 0;
    sums.noisy = 0;
    results[blockIdx.y].token = token;
    results[blockIdx.y].logprob = 0;
    results[blockIdx.y].top_count = 0;
    last_tokens[job.slot] = token;
}

}  // namespace

bool needs_cuts(const SamplingParameters& p) {
    return p.temperature >= kSmallestTemperature && (p.top_k > 0 || p.top_p < 1.0F || p.min_p > 0);
}

void launch_sampling(const SampleJobs& jobs, std::int32_t count, std::int32_t vocabulary,
                     std::int32_t padding_from, const SamplingWork& work, SampleScratch* scratch,
                     SampleResult* results, std::int32_t* last_tokens, cudaStream_t stream) {
    check(vocabulary <= kMostVocabulary, "a vocabulary whose histograms fit 32-bit sums");
    const dim3 grid(kScanBlocks, static_cast<unsigned>(count));
    if (work.adjusts) adjust_kernel<<<grid, kScanThreads, 0, stream>>>(jobs, vocabulary, last_tokens);
    scan_kernel<<<grid, kScanThreads, 0, stream>>>(jobs, vocabulary, padding_from, scratch, results,
                                                   last_tokens);
    if (work.cuts)
        launch_cut_sampling(jobs, count, vocabulary, padding_from, scratch, results, last_tokens, stream);
    if (work.cuts || work.logprobs)
        launch_one_block_sampling(jobs, count, vocabulary, padding_from, scratch, results, last_tokens,
                                  stream);
    cuda_check(cudaGetLastError());
}

}  // namespace gptoss::backend::cuda

// What the sampling kernels share: the order of tokens as numbers, a row's logits as the rule sees them, noise,
// probability mass.
#pragma once

#include "backend/cuda/primitives.cuh"
#include "backend/cuda/sampling_kernels.h"

namespace gptoss::backend::cuda {

using SampleKey = unsigned long long;

// Values beyond this become this: divided by the smallest temperature it is still a finite number.
inline constexpr float kLargestLogit = 1e30F;
inline constexpr int kFilterThreads = 1024;  // of the one-block kernels
inline constexpr int kScanThreads = 256;
inline constexpr int kScanBlocks = 64;  // a row's: they share its vocabulary

__device__ inline bool is_greedy(const SamplingParameters& p) {
    return p.temperature < kSmallestTemperature;
}
// Some tokens are cut off before one is drawn.
__device__ inline bool has_cuts(const SamplingParameters& p) {
    return !is_greedy(p) && (p.top_k > 0 || p.top_p < 1.0F || p.min_p > 0);
}

// A token's place in the order "larger value first, lower id on ties", as a number: larger is earlier.
// 0 = no token.
__device__ inline SampleKey key_of(float value, TokenId token) {
    return static_cast<SampleKey>(ordered_bits(value)) << 32 | static_cast<std::uint32_t>(~token);
}
__device__ inline TokenId token_of(SampleKey key) {
    return static_cast<TokenId>(~static_cast<std::uint32_t>(key));
}
__device__ inline float value_of(SampleKey key) {
    return from_ordered_bits(static_cast<std::uint32_t>(key >> 32));
}

__device__ inline SampleJob job_of(const SampleJobs& jobs, unsigned row) {
    return jobs.many != nullptr ? jobs.many[row] : jobs.few[row];
}

// The logit of a token as the rule sees it; false for one that is not allowed or has no usable number.
struct RowView {
    const SampleJob& job;
    std::int32_t limit;  // tokens from here on are padding

    __device__ bool read(TokenId token, float& logit) const {
        logit = raw(token);
        return usable(token, logit);
    }
    // Its halves: a load, and what depends on it.
    __device__ float raw(TokenId token) const {
        return token < limit ? (job.adjusted != nullptr ? job.adjusted : job.logits)[token] : -INFINITY;
    }
    __device__ bool usable(TokenId token, float& logit) const {
        if (!(logit > -INFINITY)) return false;  // NaN too
        if (job.allowed != nullptr && (job.allowed[token / 32] >> (token % 32) & 1U) == 0) return false;
        logit = fminf(fmaxf(logit, -kLargestLogit), kLargestLogit);
        return true;
    }
};
__device__ inline RowView view_of(const SampleJob& job, std::int32_t vocabulary, std::int32_t padding_from) {
    return {job, padding_from >= 0 ? min(padding_from, vocabulary) : vocabulary};
}

// use(key) for every usable token from `first` in steps of `step`, several loads before the first use.
template <typename Use>
__device__ void for_each_key(const RowView& row, TokenId first, TokenId step, std::int32_t vocabulary,
                             Use use) {
    constexpr int kAtOnce = 8;
    for (; first < vocabulary; first += kAtOnce * step) {
        float logits[kAtOnce];
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) logits[i] = row.raw(first + i * step);
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i)
            if (row.usable(first + i * step, logits[i])) use(key_of(logits[i], first + i * step));
    }
}

__device__ inline float noise_of(const SampleJob& job, TokenId token) {
    return -logf(-logf(uniform(job.parameters.seed, job.step, token)));
}

__device__ inline SampleKey warp_largest(SampleKey key) {
    for (int offset = 16; offset > 0; offset /= 2) key = max(key, __shfl_xor_sync(kAllLanes, key, offset));
    return key;
}

// Probability mass as integers, so that sums do not depend on an order: 2^40 is the largest token's.
inline constexpr float kMassUnit = 1099511627776.0F;
inline constexpr int kMassBits = 40;
struct Mass {
    float temperature, top;  // top: the largest logit over the temperature
    __device__ Mass(SampleKey largest, float at) : temperature(at), top(value_of(largest) / at) {}
    __device__ unsigned long long operator()(SampleKey key) const {
        return static_cast<unsigned long long>(expf(value_of(key) / temperature - top) * kMassUnit);
    }
};

// Which bin a key falls into by its distance from the largest, 1/64 nat each, the largest in the last one:
// spread widely enough that threads seldom add to the same bin at once, as they would with the leading bits of
// the numbers. Bin 0 takes all that is 32 nats away or more, whose mass is nothing.
inline constexpr int kBins = 2048;
struct DistanceBins {
    float largest, temperature;
    __device__ int operator()(SampleKey key) const {
        const float scaled = (largest - value_of(key)) / temperature * 64.0F;
        return scaled < kBins - 1 ? kBins - 1 - static_cast<int>(scaled) : 0;
    }
};

// What min_p keeps: scaled logits from here on.
__device__ inline float smallest_kept(const SamplingParameters& p, SampleKey largest) {
    return p.min_p > 0 ? value_of(largest) / p.temperature + logf(fminf(p.min_p, 1.0F)) : -INFINITY;
}
// The part of the mass that top_p asks for.
__device__ inline unsigned long long wanted_mass(unsigned long long total, float top_p) {
    const auto wanted =
        static_cast<unsigned long long>(static_cast<double>(total) * static_cast<double>(fmaxf(top_p, 0.0F)));
    return max(wanted, 1ULL);
}

}  // namespace gptoss::backend::cuda

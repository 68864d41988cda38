#include <cfloat>

#include "backend/cuda/memory.h"
#include "backend/cuda/primitives.cuh"
#include "backend/cuda/sampling_kernels.h"

namespace gptoss::backend::cuda {
namespace {

using Key = unsigned long long;

constexpr int kScanThreads = 256;
constexpr int kScanBlocks = 64;  // a row's
constexpr int kFilterThreads = 1024;
// Values beyond this become this: divided by the smallest temperature it is still a finite number.
constexpr float kLargestLogit = 1e30F;

__device__ bool is_greedy(const SamplingParameters& p) {
    return p.temperature < kSmallestTemperature;
}
__device__ bool is_filtered(const SamplingParameters& p) {
    return p.top_logprobs >= 0 || (!is_greedy(p) && (p.top_k > 0 || p.top_p < 1.0F || p.min_p > 0));
}

// A token's place in the order "larger value first, lower id on ties", as a number: larger is earlier.
// 0 = no token.
__device__ Key key_of(float value, TokenId token) {
    return static_cast<Key>(ordered_bits(value)) << 32 | static_cast<std::uint32_t>(~token);
}
__device__ TokenId token_of(Key key) {
    return static_cast<TokenId>(~static_cast<std::uint32_t>(key));
}
__device__ float value_of(Key key) {
    return from_ordered_bits(static_cast<std::uint32_t>(key >> 32));
}

// The logit of a token as the rule sees it; `excluded` for one that is not allowed or has no usable number.
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
__device__ RowView view_of(const SampleJob& job, std::int32_t vocabulary, std::int32_t padding_from) {
    return {job, padding_from >= 0 ? min(padding_from, vocabulary) : vocabulary};
}

__device__ float noise_of(const SampleJob& job, TokenId token) {
    return -logf(-logf(uniform(job.parameters.seed, job.step, token)));
}

__device__ Key warp_largest(Key key) {
    for (int offset = 16; offset > 0; offset /= 2) key = max(key, __shfl_xor_sync(kAllLanes, key, offset));
    return key;
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

// Step 1 of the rule, for rows that have something to adjust. One block a row.
__global__ void adjust_kernel(const SampleJob* jobs, std::int32_t vocabulary) {
    const SampleJob& job = jobs[blockIdx.x];
    if (job.adjusted == nullptr) return;
    for (int i = static_cast<int>(threadIdx.x); i < vocabulary; i += kFilterThreads)
        job.adjusted[i] = job.logits[i];
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < job.bias_count; i += kFilterThreads) {
        const TokenBias bias = job.biases[i];
        if (bias.token >= 0 && bias.token < vocabulary) atomicAdd(job.adjusted + bias.token, bias.bias);
    }
    __syncthreads();
    const SamplingParameters& p = job.parameters;
    for (int i = static_cast<int>(threadIdx.x); i < job.count_count; i += kFilterThreads) {
        const auto [token, count] = job.counts[i];
        if (token < 0 || token >= vocabulary) continue;
        float logit = job.adjusted[token];
        logit = logit > 0 ? logit / p.repetition_penalty : logit * p.repetition_penalty;
        if (count > 0) logit -= p.frequency_penalty * static_cast<float>(count) + p.presence_penalty;
        job.adjusted[token] = logit;
    }
}

// Steps 2 and 4 for all rows; final for plain ones. The last block of a row to finish writes the token.
__global__ void scan_kernel(const SampleJob* jobs, std::int32_t vocabulary, std::int32_t padding_from,
                            SampleScratch* scratch, SampleResult* results, std::int32_t* last_tokens) {
    __shared__ Key largest_of_warp[kScanThreads / 32], noisy_of_warp[kScanThreads / 32];
    const SampleJob& job = jobs[blockIdx.y];
    const RowView row = view_of(job, vocabulary, padding_from);
    const bool greedy = is_greedy(job.parameters);
    Key largest = 0, noisy = 0;
    for (TokenId token = static_cast<TokenId>(blockIdx.x * kScanThreads + threadIdx.x); token < vocabulary;
         token += kScanThreads * kScanBlocks) {
        float logit;
        if (!row.read(token, logit)) continue;
        largest = max(largest, key_of(logit, token));
        if (!greedy)
            noisy = max(noisy, key_of(logit / job.parameters.temperature + noise_of(job, token), token));
    }
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
    if (atomicAdd(&sums.tickets, 1U) != kScanBlocks - 1) return;
    __threadfence();
    largest = atomicMax(&sums.largest, 0ULL);
    noisy = atomicMax(&sums.noisy, 0ULL);
    sums.tickets = 0;
    if (is_filtered(job.parameters) && largest != 0) return;  // filter_kernel goes on
    const TokenId token = largest == 0 ? lowest_allowed(row) : token_of(greedy ? largest : noisy);
    sums.largest = 0;
    sums.noisy = 0;
    results[blockIdx.y].token = token;
    results[blockIdx.y].logprob = 0;
    results[blockIdx.y].top_count = 0;
    last_tokens[job.slot] = token;
}

// --- Rows with filters or log-probabilities: one block a row, several passes over its logits.

// Probability mass as integers, so that sums do not depend on an order: 2^40 is the largest token's.
constexpr float kMassUnit = 1099511627776.0F;
constexpr int kBins = 2048;  // 11 bits a pass

// Keys of one bin, looked at again without reading the row; a flat distribution has about a thousand.
constexpr int kNearKeys = 2560;

struct FilterMemory {
    unsigned long long bins[kBins];
    Key near[kNearKeys];
    std::uint32_t near_count;
    unsigned long long parts[kFilterThreads / 32];
    unsigned long long wanted;
    int bin;
    std::uint32_t top_count;
    Key top[kMostTopLogprobs];
};

// One warp: the bin, from the highest down, in which the sum reaches memory.wanted; what is left to reach
// inside it becomes memory.wanted. Bin -1 when the sum never does.
__device__ void find_bin(FilterMemory& memory) {
    // A lane sums 64 neighbouring bins, the first lane the highest.
    constexpr int kLaneBins = kBins / 32;
    const int lane = static_cast<int>(threadIdx.x), top = kBins - 1 - lane * kLaneBins;
    unsigned long long own = 0;
    for (int i = 0; i < kLaneBins; ++i) own += memory.bins[top - i];
    unsigned long long up_to = own;
    for (int offset = 1; offset < 32; offset *= 2) {
        const unsigned long long other = __shfl_up_sync(kAllLanes, up_to, offset);
        if (lane >= offset) up_to += other;
    }
    const unsigned long long wanted = memory.wanted;
    __syncwarp();  // it is written below
    const unsigned reached = __ballot_sync(kAllLanes, up_to >= wanted);
    if (reached == 0) {
        if (lane == 0) memory.bin = -1;
    } else if (__ffs(static_cast<int>(reached)) - 1 == lane) {
        unsigned long long rest = wanted - (up_to - own);
        int bin = top;
        while (memory.bins[bin] < rest) rest -= memory.bins[bin--];
        memory.bin = bin;
        memory.wanted = rest;
    }
}

// use(key) for every usable token of the row, several loads before the first use.
template <typename Use>
__device__ void for_each_key(const RowView& row, std::int32_t vocabulary, Use use) {
    constexpr int kAtOnce = 8;
    for (TokenId first = static_cast<TokenId>(threadIdx.x); first < vocabulary;
         first += kAtOnce * kFilterThreads) {
        float logits[kAtOnce];
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) logits[i] = row.raw(first + i * kFilterThreads);
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i)
            if (row.usable(first + i * kFilterThreads, logits[i]))
                use(key_of(logits[i], first + i * kFilterThreads));
    }
}

template <typename Amount>
__device__ unsigned long long block_sum(FilterMemory& memory, const RowView& row, std::int32_t vocabulary,
                                        Amount amount) {
    unsigned long long sum = 0;
    for_each_key(row, vocabulary, [&](Key key) { sum += amount(key); });
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(kAllLanes, sum, offset);
    if (threadIdx.x % 32 == 0) memory.parts[threadIdx.x / 32] = sum;
    __syncthreads();
    sum = 0;
    for (const unsigned long long part : memory.parts) sum += part;
    __syncthreads();
    return sum;
}

// Which of kBins a key falls into by its distance from the largest, 1/64 nat each: spread widely enough that
// threads seldom add to the same bin at once, as they would with the leading bits of the numbers.
struct DistanceBins {
    float largest, temperature;
    __device__ int operator()(Key key) const {
        const float scaled = (largest - value_of(key)) / temperature * 64.0F;
        return scaled < kBins - 1 ? kBins - 1 - static_cast<int>(scaled) : 0;
    }
};

// The place (a key) where the amounts of the keys from the largest down to it first reach `wanted`; 0 when
// they never do. First the bin of distance it lies in, then a radix descent among the keys of that bin: each
// pass sums the amounts by the next 11 bits of the key.
template <typename Amount>
__device__ Key place_that_reaches(FilterMemory& memory, const RowView& row, std::int32_t vocabulary,
                                  const DistanceBins& distance, unsigned long long wanted, Amount amount) {
    const int thread = static_cast<int>(threadIdx.x);
    const auto clear_bins = [&] {
        for (int i = thread; i < kBins; i += kFilterThreads) memory.bins[i] = 0;
        __syncthreads();
    };
    const auto choose_bin = [&] {
        __syncthreads();
        if (thread < 32) find_bin(memory);
        __syncthreads();
        return memory.bin;
    };
    const auto add_to = [&](int bin, Key key) {
        const unsigned long long add = amount(key);
        if (add != 0) atomicAdd(&memory.bins[bin], add);
    };
    if (threadIdx.x == 0) memory.wanted = wanted, memory.near_count = 0;
    clear_bins();
    for_each_key(row, vocabulary, [&](Key key) { add_to(distance(key), key); });
    const int nearest_bin = choose_bin();
    if (nearest_bin < 0) return 0;
    for_each_key(row, vocabulary, [&](Key key) {
        if (distance(key) != nearest_bin) return;
        const std::uint32_t place = atomicAdd(&memory.near_count, 1U);
        if (place < kNearKeys) memory.near[place] = key;
    });
    __syncthreads();
    const auto near_count = static_cast<int>(memory.near_count);
    // Bits 63 .. 32 are the value in three passes, bits 31 .. 0 the id in three more.
    constexpr int kPasses = 6;
    constexpr int kShifts[kPasses] = {53, 42, 32, 21, 10, 0};
    constexpr int kWidths[kPasses] = {11, 11, 10, 11, 11, 10};
    Key prefix = 0;
    for (int pass = 0; pass < kPasses; ++pass) {
        const int shift = kShifts[pass], width = kWidths[pass], above = shift + width;
        const auto look_at = [&](Key key) {
            if (above < 64 && key >> above != prefix >> above) return;
            add_to(static_cast<int>(key >> shift & ((1U << width) - 1U)), key);
        };
        clear_bins();
        if (near_count <= kNearKeys)
            for (int i = thread; i < near_count; i += kFilterThreads) look_at(memory.near[i]);
        else
            for_each_key(row, vocabulary, [&](Key key) {
                if (distance(key) == nearest_bin) look_at(key);
            });
        if (choose_bin() < 0) return 0;
        prefix |= static_cast<Key>(memory.bin) << shift;
    }
    return prefix;
}

__global__ void __launch_bounds__(kFilterThreads)
    filter_kernel(const SampleJob* jobs, std::int32_t vocabulary, std::int32_t padding_from,
                  SampleScratch* scratch, SampleResult* results, std::int32_t* last_tokens) {
    __shared__ FilterMemory memory;
    const SampleJob& job = jobs[blockIdx.x];
    const SamplingParameters& p = job.parameters;
    SampleScratch& sums = scratch[blockIdx.x];
    const Key largest = sums.largest, unfiltered = sums.noisy;
    if (!is_filtered(p) || largest == 0) return;
    const RowView row = view_of(job, vocabulary, padding_from);
    const bool greedy = is_greedy(p);
    SampleResult& result = results[blockIdx.x];
    auto mass_at = [&](float temperature) {
        const float top = value_of(largest) / temperature;
        return [=](Key key) {
            return static_cast<unsigned long long>(expf(value_of(key) / temperature - top) * kMassUnit);
        };
    };

    float normaliser = 0;
    if (p.top_logprobs >= 0) {
        const unsigned long long total = block_sum(memory, row, vocabulary, mass_at(1.0F));
        normaliser =
            value_of(largest) + fmaxf(0.0F, logf(static_cast<float>(total) / kMassUnit));  // rounded sums
        const int wanted = min(p.top_logprobs, kMostTopLogprobs);
        if (threadIdx.x == 0) memory.top_count = 0;
        __syncthreads();
        if (wanted > 0) {
            const Key last =
                place_that_reaches(memory, row, vocabulary, {value_of(largest), 1.0F},
                                   static_cast<unsigned long long>(wanted), [](Key) { return 1ULL; });
            for_each_key(row, vocabulary, [&](Key key) {
                if (key >= last) memory.top[atomicAdd(&memory.top_count, 1U)] = key;
            });
            __syncthreads();
            const auto count = static_cast<int>(memory.top_count);
            for (int i = static_cast<int>(threadIdx.x); i < count; i += kFilterThreads) {
                int rank = 0;
                for (int other = 0; other < count; ++other) rank += memory.top[other] > memory.top[i];
                result.top[rank] = {token_of(memory.top[i]), value_of(memory.top[i]) - normaliser};
            }
        }
        __syncthreads();
        if (threadIdx.x == 0) result.top_count = static_cast<std::int32_t>(memory.top_count);
    }

    TokenId token = token_of(greedy ? largest : unfiltered);
    if (!greedy && (p.top_k > 0 || p.top_p < 1.0F || p.min_p > 0)) {
        const DistanceBins distance{value_of(largest), p.temperature};
        Key cut = 0;
        if (p.top_k > 0)
            cut = place_that_reaches(memory, row, vocabulary, distance,
                                     static_cast<unsigned long long>(p.top_k), [](Key) { return 1ULL; });
        if (p.top_p < 1.0F) {
            const auto mass = mass_at(p.temperature);
            auto kept_mass = [&](Key key) { return key >= cut ? mass(key) : 0ULL; };
            const unsigned long long total = block_sum(memory, row, vocabulary, kept_mass);
            const auto wanted = static_cast<unsigned long long>(static_cast<double>(total) *
                                                                static_cast<double>(fmaxf(p.top_p, 0.0F)));
            cut =
                max(cut, place_that_reaches(memory, row, vocabulary, distance, max(wanted, 1ULL), kept_mass));
        }
        const float smallest =
            p.min_p > 0 ? value_of(largest) / p.temperature + logf(fminf(p.min_p, 1.0F)) : -INFINITY;
        Key noisy = 0;
        for_each_key(row, vocabulary, [&](Key key) {
            const float scaled = value_of(key) / p.temperature;
            if (key < cut || scaled < smallest) return;
            noisy = max(noisy, key_of(scaled + noise_of(job, token_of(key)), token_of(key)));
        });
        noisy = warp_largest(noisy);
        if (threadIdx.x % 32 == 0) memory.parts[threadIdx.x / 32] = noisy;
        __syncthreads();
        for (const Key other : memory.parts) noisy = max(noisy, other);
        token = token_of(noisy);
    }
    if (threadIdx.x != 0) return;
    result.token = token;
    float logit = 0;
    row.read(token, logit);
    result.logprob = p.top_logprobs >= 0 ? logit - normaliser : 0.0F;
    if (p.top_logprobs < 0) result.top_count = 0;
    last_tokens[job.slot] = token;
    sums.largest = 0;
    sums.noisy = 0;
}

}  // namespace

bool needs_filters(const SamplingParameters& p) {
    return p.top_logprobs >= 0 ||
           (p.temperature >= kSmallestTemperature && (p.top_k > 0 || p.top_p < 1.0F || p.min_p > 0));
}

void launch_sampling(const SampleJob* jobs, std::int32_t count, std::int32_t vocabulary,
                     std::int32_t padding_from, bool any_adjusted, bool any_filtered, SampleScratch* scratch,
                     SampleResult* results, std::int32_t* last_tokens, cudaStream_t stream) {
    const auto rows = static_cast<unsigned>(count);
    if (any_adjusted) adjust_kernel<<<rows, kFilterThreads, 0, stream>>>(jobs, vocabulary);
    scan_kernel<<<dim3(kScanBlocks, rows), kScanThreads, 0, stream>>>(jobs, vocabulary, padding_from, scratch,
                                                                      results, last_tokens);
    if (any_filtered)
        filter_kernel<<<rows, kFilterThreads, 0, stream>>>(jobs, vocabulary, padding_from, scratch, results,
                                                           last_tokens);
    cuda_check(cudaGetLastError());
}

}  // namespace gptoss::backend::cuda

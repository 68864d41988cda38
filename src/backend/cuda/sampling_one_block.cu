// Sampling by one block a row, in several passes over its logits: rows with log-probabilities, and those whose
// cuts were too many tokens for sampling_filter.cu to list.
#include "backend/cuda/memory.h"
#include "backend/cuda/sampling_parts.cuh"

namespace gptoss::backend::cuda {
namespace {

using Key = SampleKey;

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

// use(key) for every usable token of the row, by the row's only block.
template <typename Use>
__device__ void for_each_key(const RowView& row, std::int32_t vocabulary, Use use) {
    for_each_key(row, static_cast<TokenId>(threadIdx.x), kFilterThreads, vocabulary, use);
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
    filter_kernel(const __grid_constant__ SampleJobs jobs, std::int32_t vocabulary, std::int32_t padding_from,
                  SampleScratch* scratch, SampleResult* results, std::int32_t* last_tokens) {
    __shared__ FilterMemory memory;
    const SampleJob job = job_of(jobs, blockIdx.x);
    const SamplingParameters& p = job.parameters;
    SampleScratch& sums = scratch[blockIdx.x];
    const Key largest = sums.largest, unfiltered = sums.noisy;
    if (!(has_cuts(p) || p.top_logprobs >= 0) || largest == 0) return;
    const RowView row = view_of(job, vocabulary, padding_from);
    const bool greedy = is_greedy(p);
    SampleResult& result = results[blockIdx.x];

    float normaliser = 0;
    if (p.top_logprobs >= 0) {
        const unsigned long long total = block_sum(memory, row, vocabulary, Mass(largest, 1.0F));
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
    if (has_cuts(p)) {
        const DistanceBins distance{value_of(largest), p.temperature};
        Key cut = 0;
        if (p.top_k > 0)
            cut = place_that_reaches(memory, row, vocabulary, distance,
                                     static_cast<unsigned long long>(p.top_k), [](Key) { return 1ULL; });
        if (p.top_p < 1.0F) {
            const Mass mass(largest, p.temperature);
            auto kept_mass = [&](Key key) { return key >= cut ? mass(key) : 0ULL; };
            const unsigned long long total = block_sum(memory, row, vocabulary, kept_mass);
            cut = max(cut, place_that_reaches(memory, row, vocabulary, distance, wanted_mass(total, p.top_p),
                                              kept_mass));
        }
        const float smallest = smallest_kept(p, largest);
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

void launch_one_block_sampling(const SampleJobs& jobs, std::int32_t count, std::int32_t vocabulary,
                               std::int32_t padding_from, SampleScratch* scratch, SampleResult* results,
                               std::int32_t* last_tokens, cudaStream_t stream) {
    filter_kernel<<<static_cast<unsigned>(count), kFilterThreads, 0, stream>>>(jobs, vocabulary, padding_from,
                                                                               scratch, results, last_tokens);
    cuda_check(cudaGetLastError());
}

}  // namespace gptoss::backend::cuda

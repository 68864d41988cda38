// top_k, top_p and min_p over a whole vocabulary, by many blocks a row, exactly.
//
// 1. histogram_kernel: how many tokens, and how much probability mass, lies in each of 2,048 bins of distance
//    from the largest logit. The row's last block finds the bins in which top_k and top_p cut.
// 2. collect_kernel: tokens in bins above them are kept for sure, and draw their noise at once; those in the
//    bins of the cuts go to a list. The row's last block sorts the list, which is short, finds the exact cuts
//    and draws for what is kept of it.
//
// With top_k and top_p together, top_p's share is of what top_k keeps. How much that is depends on where in its
// bin top_k cuts, so top_p may cut in any of a few bins: all of them are listed.
//
// A list that is too long (nearly equal logits everywhere) is left to filter_kernel, which needs none.
#include "backend/cuda/launch.cuh"
#include "backend/cuda/sampling_parts.cuh"

namespace gptoss::backend::cuda {
namespace {

constexpr int kThreads = kScanThreads;
constexpr int kWarps = kThreads / 32;
constexpr int kBinsAThread = kBins / kThreads;

// Rows that these kernels sample: the others return at once.
__device__ bool is_ours(const SampleJob& job, SampleKey largest) {
    return has_cuts(job.parameters) && job.parameters.top_logprobs < 0 && largest != 0;
}

// The sum over all threads with a lower number, and `total` over all.
struct BlockScan {
    unsigned long long of_warp[kWarps];
    __device__ unsigned long long before(unsigned long long value, unsigned long long& total) {
        const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
        unsigned long long sum = value;
        for (int offset = 1; offset < 32; offset *= 2) {
            const unsigned long long other = __shfl_up_sync(kAllLanes, sum, offset);
            if (lane >= offset) sum += other;
        }
        __syncthreads();  // the one before has been read
        if (lane == 31) of_warp[warp] = sum;
        __syncthreads();
        unsigned long long start = 0;
        total = 0;
        for (int i = 0; i < kWarps; ++i) {
            if (i < warp) start += of_warp[i];
            total += of_warp[i];
        }
        return start + sum - value;
    }
};

// True in the last of a row's blocks to come here, once each block's writes are visible to it.
__device__ bool is_last_block(std::uint32_t* semaphores) {
    __shared__ bool last;
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();
        last = atomicAdd(semaphores, 1U) == gridDim.x - 1;
        if (last) *semaphores = 0;
        __threadfence();
    }
    __syncthreads();
    return last;
}

// A row's histogram in shared memory. A block's share of the vocabulary is at most 4,095 tokens, so 32 bits
// hold the sums of either half of a mass.
struct BlockHistogram {
    static constexpr int kLowBits = kMassBits / 2;
    std::uint32_t counts[kBins], low[kBins], high[kBins];
};

// Which bins the cuts lie in, by one block. Bins are read from the highest down: thread 0 has the highest.
__device__ void find_cut_bins(const SamplingParameters& p, SampleHistogram& histogram, FilterCuts& cuts) {
    __shared__ BlockScan scan;
    __shared__ int k_bin, high_bin, low_bin;
    __shared__ unsigned long long mass_above_k, mass_of_k, mass_above_list;
    __shared__ std::uint32_t count_above_k;
    const int first = kBins - 1 - static_cast<int>(threadIdx.x) * kBinsAThread;
    std::uint32_t counts[kBinsAThread];
    unsigned long long masses[kBinsAThread];
    unsigned long long own_count = 0, own_mass = 0, count, mass;
#pragma unroll
    for (int i = 0; i < kBinsAThread; ++i) {
        own_count += counts[i] = __ldcg(&histogram.counts[first - i]);
        own_mass += masses[i] = __ldcg(&histogram.masses[first - i]);
        histogram.counts[first - i] = 0;
        histogram.masses[first - i] = 0;
    }
    if (threadIdx.x == 0) k_bin = high_bin = low_bin = -1;
    const unsigned long long counts_before = scan.before(own_count, count);
    const unsigned long long masses_before = scan.before(own_mass, mass);
    const auto wanted_k = static_cast<unsigned long long>(max(p.top_k, 0));
    if (wanted_k > counts_before && wanted_k <= counts_before + own_count) {
        unsigned long long above = counts_before, mass_above = masses_before;
        int i = 0;
        for (; above + counts[i] < wanted_k; ++i) above += counts[i], mass_above += masses[i];
        k_bin = first - i;
        count_above_k = static_cast<std::uint32_t>(above);
        mass_above_k = mass_above;
        mass_of_k = masses[i];
    }
    __syncthreads();
    const bool cuts_k = k_bin >= 0;
    if (p.top_p < 1.0F) {
        // The bin in which the mass from the top down reaches `wanted`.
        const auto find = [&](unsigned long long wanted, int& bin, bool start) {
            if (wanted <= masses_before || wanted > masses_before + own_mass) return;
            unsigned long long above = masses_before;
            int i = 0;
            for (; above + masses[i] < wanted; ++i) above += masses[i];
            bin = first - i;
            if (start) mass_above_list = above;
        };
        find(wanted_mass(cuts_k ? mass_above_k : mass, p.top_p), high_bin, true);
        find(wanted_mass(cuts_k ? mass_above_k + mass_of_k : mass, p.top_p), low_bin, false);
    }
    __syncthreads();
    if (threadIdx.x != 0) return;
    cuts.k_bin = k_bin;
    cuts.rest_of_k = cuts_k ? static_cast<std::uint32_t>(wanted_k) - count_above_k : 0;
    cuts.mass = cuts_k ? mass_above_k : mass;
    cuts.low_bin = low_bin;
    cuts.high_bin = high_bin;
    cuts.mass_above_list = high_bin >= 0 ? mass_above_list : 0;
    cuts.sure_above = high_bin >= 0 ? high_bin : k_bin;
}

__global__ void __launch_bounds__(kThreads)
    histogram_kernel(const __grid_constant__ SampleJobs jobs, std::int32_t vocabulary,
                     std::int32_t padding_from, SampleScratch* scratch) {
    __shared__ BlockHistogram block;
    __shared__ std::uint32_t far_count;
    const int thread = static_cast<int>(threadIdx.x);
    for (int i = thread; i < kBins; i += kThreads) block.counts[i] = block.low[i] = block.high[i] = 0;
    if (thread == 0) far_count = 0;
    griddep_launch_dependents();
    griddep_wait();
    const SampleJob job = job_of(jobs, blockIdx.y);
    SampleScratch& row_scratch = scratch[blockIdx.y];
    const SampleKey largest = __ldcg(&row_scratch.largest);
    if (!is_ours(job, largest)) return;
    const SamplingParameters& p = job.parameters;
    const bool with_counts = p.top_k > 0, with_mass = p.top_p < 1.0F;
    const DistanceBins bin_of{value_of(largest), p.temperature};
    const Mass mass_of(largest, p.temperature);
    std::uint32_t far = 0;
    __syncthreads();
    for_each_key(view_of(job, vocabulary, padding_from), static_cast<TokenId>(blockIdx.x) * kThreads + thread,
                 kThreads * kScanBlocks, vocabulary, [&](SampleKey key) {
                     const int bin = bin_of(key);
                     if (bin == 0) {
                         ++far;  // most of the vocabulary: not one counter for all of it
                         return;
                     }
                     if (with_counts) atomicAdd(&block.counts[bin], 1U);
                     if (!with_mass) return;
                     const unsigned long long mass = mass_of(key);
                     if (mass == 0) return;
                     atomicAdd(&block.low[bin],
                               static_cast<std::uint32_t>(mass) & ((1U << BlockHistogram::kLowBits) - 1U));
                     if (const auto high = static_cast<std::uint32_t>(mass >> BlockHistogram::kLowBits);
                         high != 0)
                         atomicAdd(&block.high[bin], high);
                 });
    far = __reduce_add_sync(kAllLanes, far);
    if (thread % 32 == 0 && far != 0) atomicAdd(&far_count, far);
    __syncthreads();
    if (thread == 0) block.counts[0] = far_count;
    __syncthreads();
    SampleHistogram& histogram = *row_scratch.histogram;
    for (int bin = thread; bin < kBins; bin += kThreads) {
        if (block.counts[bin] != 0 && with_counts) atomicAdd(&histogram.counts[bin], block.counts[bin]);
        const unsigned long long mass =
            (static_cast<unsigned long long>(block.high[bin]) << BlockHistogram::kLowBits) + block.low[bin];
        if (mass != 0) atomicAdd(&histogram.masses[bin], mass);
    }
    if (is_last_block(&row_scratch.semaphores)) find_cut_bins(p, histogram, row_scratch.cuts);
}

// Keys in descending order, by one block; `count` a power of two. Pairs that are at most 32 apart stay with the warp that
// has them from one step to the next.
__device__ void sort_keys(SampleKey* keys, int count) {
    __syncthreads();
    for (int width = 2; width <= count; width *= 2) {
        for (int step = width / 2; step > 0; step /= 2) {
            if (step >= 32 && width > 64)
                __syncthreads();
            else
                __syncwarp();
            for (int i = static_cast<int>(threadIdx.x); i < count / 2; i += kThreads) {
                const int low = 2 * i - (i & (step - 1)), high = low + step;  // steps are powers of two
                const SampleKey a = keys[low], b = keys[high];
                if ((a < b) == ((low & width) == 0)) keys[low] = b, keys[high] = a;
            }
        }
    }
    __syncthreads();
}

// The exact cut among the sorted keys: the smallest key that is kept.
__device__ SampleKey find_cut(const SampleKey* keys, int padded, const FilterCuts& cuts,
                              const SamplingParameters& p, SampleKey largest) {
    __shared__ BlockScan scan;
    __shared__ SampleKey cut_by_mass;
    const DistanceBins bin_of{value_of(largest), p.temperature};
    const Mass mass_of(largest, p.temperature);
    // A thread's neighbouring keys.
    const int each = (padded + kThreads - 1) / kThreads, first = static_cast<int>(threadIdx.x) * each;
    const int last = min(first + each, padded);
    SampleKey cut = 0;
    unsigned long long total = cuts.mass, ignored;
    if (cuts.k_bin >= 0) {
        unsigned long long above = 0, kept_mass = 0, listed_above;
        for (int i = first; i < last; ++i) above += keys[i] != 0 && bin_of(keys[i]) > cuts.k_bin;
        scan.before(above, listed_above);
        cut = keys[listed_above + cuts.rest_of_k - 1];
        for (int i = first; i < last; ++i)
            if (keys[i] >= cut && bin_of(keys[i]) == cuts.k_bin) kept_mass += mass_of(keys[i]);
        scan.before(kept_mass, ignored);
        total += ignored;
    }
    if (cuts.high_bin < 0) return cut;
    if (threadIdx.x == 0) cut_by_mass = 0;
    unsigned long long own = 0;
    for (int i = first; i < last; ++i) own += keys[i] != 0 && keys[i] >= cut ? mass_of(keys[i]) : 0;
    unsigned long long reached = cuts.mass_above_list + scan.before(own, ignored);
    const unsigned long long wanted = wanted_mass(total, p.top_p);
    if (reached < wanted && reached + own >= wanted) {
        int i = first;
        for (;; ++i) {
            reached += keys[i] != 0 && keys[i] >= cut ? mass_of(keys[i]) : 0;
            if (reached >= wanted) break;
        }
        cut_by_mass = keys[i];
    }
    __syncthreads();
    return max(cut, cut_by_mass);
}

__device__ SampleKey block_largest(SampleKey key) {
    __shared__ SampleKey of_warp[kWarps];
    key = warp_largest(key);
    __syncthreads();
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = key;
    __syncthreads();
    for (const SampleKey other : of_warp) key = max(key, other);
    return key;
}

__global__ void __launch_bounds__(kThreads)
    collect_kernel(const __grid_constant__ SampleJobs jobs, std::int32_t vocabulary,
                   std::int32_t padding_from, SampleScratch* scratch, SampleResult* results,
                   std::int32_t* last_tokens) {
    __shared__ SampleKey keys[kListedKeys];
    __shared__ std::uint32_t own_count, own_place;
    griddep_launch_dependents();
    griddep_wait();
    const SampleJob job = job_of(jobs, blockIdx.y);
    SampleScratch& row_scratch = scratch[blockIdx.y];
    const SampleKey largest = __ldcg(&row_scratch.largest);
    if (!is_ours(job, largest)) return;
    const SamplingParameters& p = job.parameters;
    const FilterCuts cuts = row_scratch.cuts;
    const DistanceBins bin_of{value_of(largest), p.temperature};
    const float smallest = smallest_kept(p, largest);
    const auto noisy_key = [&](SampleKey key) {
        const float scaled = value_of(key) / p.temperature;
        return scaled < smallest ? 0ULL : key_of(scaled + noise_of(job, token_of(key)), token_of(key));
    };
    SampleKey noisy = 0;
    // A block has fewer tokens than a list.
    if (threadIdx.x == 0) own_count = 0;
    __syncthreads();
    for_each_key(view_of(job, vocabulary, padding_from),
                 static_cast<TokenId>(blockIdx.x * kThreads + threadIdx.x), kThreads * kScanBlocks,
                 vocabulary, [&](SampleKey key) {
                     const int bin = bin_of(key);
                     if (bin > cuts.sure_above)
                         noisy = max(noisy, noisy_key(key));
                     else if (bin == cuts.k_bin || (bin >= cuts.low_bin && bin <= cuts.high_bin))
                         keys[atomicAdd(&own_count, 1U)] = key;
                 });
    __syncthreads();
    if (threadIdx.x == 0 && own_count > 0) own_place = atomicAdd(&row_scratch.listed, own_count);
    __syncthreads();
    for (std::uint32_t i = threadIdx.x; i < own_count && own_place + i < kListedKeys; i += kThreads)
        row_scratch.list[own_place + i] = keys[i];
    noisy = block_largest(noisy);
    if (threadIdx.x == 0 && noisy != 0) atomicMax(&row_scratch.noisy, noisy);
    if (!is_last_block(&row_scratch.semaphores)) return;

    const auto listed = static_cast<int>(__ldcg(&row_scratch.listed));
    noisy = __ldcg(&row_scratch.noisy);
    __syncthreads();
    if (threadIdx.x == 0) {
        row_scratch.listed = 0;
        row_scratch.noisy = 0;
    }
    if (listed > kListedKeys) return;  // filter_kernel goes on: `largest` is still there
    int padded = 1;
    while (padded < listed) padded *= 2;
    for (int i = static_cast<int>(threadIdx.x); i < padded; i += kThreads)
        keys[i] = i < listed ? __ldcg(&row_scratch.list[i]) : 0;
    if (listed > 0) {
        sort_keys(keys, padded);
        const SampleKey cut = find_cut(keys, padded, cuts, p, largest);
        for (int i = static_cast<int>(threadIdx.x); i < listed; i += kThreads)
            if (keys[i] >= cut) noisy = max(noisy, noisy_key(keys[i]));
        noisy = block_largest(noisy);
    }
    if (threadIdx.x != 0) return;
    row_scratch.largest = 0;
    results[blockIdx.y].token = token_of(noisy);
    results[blockIdx.y].logprob = 0;
    results[blockIdx.y].top_count = 0;
    last_tokens[job.slot] = token_of(noisy);
}

}  // namespace

void launch_cut_sampling(const SampleJobs& jobs, std::int32_t count, std::int32_t vocabulary,
                         std::int32_t padding_from, SampleScratch* scratch, SampleResult* results,
                         std::int32_t* last_tokens, cudaStream_t stream) {
    const dim3 grid(kScanBlocks, static_cast<unsigned>(count));
    launch_pdl(histogram_kernel, grid, kThreads, 0, stream, jobs, vocabulary, padding_from, scratch);
    launch_pdl(collect_kernel, grid, kThreads, 0, stream, jobs, vocabulary, padding_from, scratch, results,
               last_tokens);
}

}  // namespace gptoss::backend::cuda

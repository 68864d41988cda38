// Routing of few rows, in two kernels: partial logits, a block for 16 rows and 64 columns, in float32; then a
// block a row adds them up, chooses, and normalises the row. Of very few rows the block that chooses last also sorts: one launch less a layer.
#include "backend/cuda/batched_routing_parts.cuh"
#include "backend/cuda/launch.cuh"
#include "base/check.h"

namespace gptoss::backend::cuda {

namespace {

constexpr int kRows = 16;
constexpr int kThreads = 256;
constexpr int kQuadsARow = kRouterChunk / 4;
constexpr int kMostChunks = 4096 / kRouterChunk;  // of a row that the norm takes
constexpr int kStride = kRouterChunk + 4;         // floats: eight neighbouring rows begin in different banks
constexpr int kQuadsAtOnce = 6;                   // of a thread that normalises
static_assert(kRows * kQuadsARow == kThreads, "a thread loads four values of a row");
static_assert(kThreads / 32 * 2 == kRows && kMaxExperts == 4 * 32, "a thread: two rows, four experts");

// Logits [chunk][row][expert], then sums of squares [chunk][row].
__device__ float* partial_squares(const Routing& r) {
    return r.partial_logits + std::int64_t{r.hidden / kRouterChunk} * r.row_count * kMaxExperts;
}

// How many blocks of choose_kernel have chosen.
__device__ int* chosen_blocks(const Routing& r) {
    return reinterpret_cast<int*>(r.partial_logits + partial_logits_count(r.hidden) - 1);
}

__global__ void __launch_bounds__(kThreads) partial_logits_kernel(const Routing r) {
    __shared__ __align__(16) float router[kMaxExperts][kStride];
    __shared__ __align__(16) float rows[kRows][kStride];
    const int first_row = blockIdx.x * kRows, chunk = blockIdx.y, first_column = chunk * kRouterChunk;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    griddep_launch_dependents();
    {
        const int quad = threadIdx.x % kQuadsARow, own = threadIdx.x / kQuadsARow;
        float4 weights[kMaxExperts / kRows];  // all loads before the first use
#pragma unroll
        for (int i = 0; i < kMaxExperts / kRows; ++i)
            weights[i] = *reinterpret_cast<const float4*>(
                r.router + std::int64_t{min(own + i * kRows, r.experts - 1)} * r.hidden + first_column +
                quad * 4);
        const float4 gain = *reinterpret_cast<const float4*>(r.gain + first_column + quad * 4);
        griddep_wait();
        if (blockIdx.x == 0 && chunk == 0 && threadIdx.x == 0) *chosen_blocks(r) = 0;
        const float4 x = *reinterpret_cast<const float4*>(
            r.residual + std::int64_t{min(first_row + own, r.row_count - 1)} * r.hidden + first_column +
            quad * 4);
#pragma unroll
        for (int i = 0; i < kMaxExperts / kRows; ++i)
            *reinterpret_cast<float4*>(&router[own + i * kRows][quad * 4]) = weights[i];
        *reinterpret_cast<float4*>(&rows[own][quad * 4]) = scaled(x, gain);
        const float squares = chunk_squares(x);
        if (quad == 0 && first_row + own < r.row_count)
            partial_squares(r)[std::int64_t{chunk} * r.row_count + first_row + own] = squares;
    }
    __syncthreads();
    if (first_row + 2 * warp >= r.row_count) return;

    float sums[2][4] = {};
#pragma unroll 4
    for (int column = 0; column < kRouterChunk; column += 4) {
        float4 weights[4];
#pragma unroll
        for (int i = 0; i < 4; ++i)
            weights[i] = *reinterpret_cast<const float4*>(&router[lane + 32 * i][column]);
#pragma unroll
        for (int j = 0; j < 2; ++j) {
            const float4 x = *reinterpret_cast<const float4*>(&rows[2 * warp + j][column]);
#pragma unroll
            for (int i = 0; i < 4; ++i) add_products(sums[j][i], x, weights[i]);
        }
    }
#pragma unroll
    for (int j = 0; j < 2; ++j) {
        const int row = first_row + 2 * warp + j;
        if (row >= r.row_count) continue;
        float* to = r.partial_logits + (std::int64_t{chunk} * r.row_count + row) * kMaxExperts;
#pragma unroll
        for (int i = 0; i < 4; ++i) to[lane + 32 * i] = sums[j][i];
    }
}

// What sort_kernel does, of at most a pair a thread: each thread looks at all pairs.
static_assert(kMostPairsSortedHere <= kMaxExperts);
__device__ void sort_few_pairs(const Routing& r) {
    __shared__ int experts[kMaxExperts], totals[kMaxExperts], starts[kMaxExperts];
    const int pairs = r.row_count * kExpertsPerToken, own = threadIdx.x;
    const bool is_here = own < pairs;
    const int expert = is_here ? __ldcg(r.choices + own) : -1;
    experts[own] = expert;
    __syncthreads();
    int total = 0, before = 0;  // of the same expert
    for (int pair = 0; pair < pairs; ++pair) {
        const int same = experts[pair] == expert ? 1 : 0;
        total += same;
        before += pair < own ? same : 0;
    }
    totals[own] = total;
    starts[own] = before == 0 ? 1 : 0;
    const int groups = __syncthreads_count(is_here && before == 0);
    const auto tiles = [&](int rows) { return (rows + r.tile_tokens - 1) / r.tile_tokens; };
    int rows_before = 0, groups_before = 0, tiles_before = 0;  // larger groups come first
    for (int pair = 0; pair < pairs; ++pair) {
        if (totals[pair] < total || (totals[pair] == total && experts[pair] >= expert)) continue;
        ++rows_before;
        groups_before += starts[pair];
        tiles_before += starts[pair] * tiles(totals[pair]);
    }
    if (!is_here) return;
    r.sorted_pairs[rows_before + before] = own;
    if (before != 0) return;
    const int tile_count = tiles(total), tile_rows = (total + tile_count - 1) / tile_count;
    r.groups->groups[groups_before] = TokenGroup{
        expert, rows_before, total, min(tile_rows_for(tile_rows), r.tile_tokens), tile_count, tiles_before};
    if (groups_before + 1 < groups) return;
    r.groups->group_count = groups;
    r.groups->tile_count = tiles_before + tile_count;
}

__global__ void __launch_bounds__(kMaxExperts) choose_kernel(const Routing r) {
    __shared__ __align__(16) float parts[kMostChunks][kMaxExperts];
    __shared__ float part_squares[kMostChunks], logits[kMaxExperts];
    __shared__ bool is_last;
    griddep_launch_dependents();
    griddep_wait();
    const int row = blockIdx.x, chunks = r.hidden / kRouterChunk, expert = threadIdx.x;
    // Copied at once: a thread's loads would wait for each other.
    for (int i = threadIdx.x; i < chunks * (kMaxExperts / 4); i += kMaxExperts) {
        const int chunk = i / (kMaxExperts / 4), first = i % (kMaxExperts / 4) * 4;
        copy_16_bytes_async(
            shared_address(&parts[chunk][first]),
            r.partial_logits + (std::int64_t{chunk} * r.row_count + row) * kMaxExperts + first, true);
    }
    for (int chunk = threadIdx.x; chunk < chunks; chunk += kMaxExperts)
        copy_4_bytes_async(shared_address(&part_squares[chunk]),
                           partial_squares(r) + std::int64_t{chunk} * r.row_count + row);
    commit_copies();
    NormalisedQuads<kQuadsAtOnce> quads;
    quads.load(r, row, static_cast<int>(threadIdx.x) * 4, kMaxExperts * 4);
    wait_for_copies<0>();
    __syncthreads();
    float sum = 0, squares = 0;  // always in the order of the columns
    for (int chunk = 0; chunk < chunks; ++chunk) {
        sum += parts[chunk][expert];
        squares += part_squares[chunk];
    }
    const float factor = rms_factor(squares, r.hidden, r.epsilon);
    logits[expert] = router_logit(r, row, expert, sum, factor);
    __syncthreads();
    if (threadIdx.x < 32) choose_top_experts(r, row, logits, static_cast<int>(threadIdx.x));
    quads.store(r, row, static_cast<int>(threadIdx.x) * 4, kMaxExperts * 4, factor);
    for (int column = kQuadsAtOnce * kMaxExperts * 4; column < r.hidden;
         column += kQuadsAtOnce * kMaxExperts * 4)
        store_normalised<kQuadsAtOnce>(r, row, column + static_cast<int>(threadIdx.x) * 4, kMaxExperts * 4,
                                       factor);
    if (!sorts_few_pairs(r)) return;
    __threadfence();  // the choices, before they are counted
    __syncthreads();
    if (threadIdx.x == 0) is_last = atomicAdd(chosen_blocks(r), 1) == static_cast<int>(gridDim.x) - 1;
    __syncthreads();
    if (is_last) sort_few_pairs(r);
}

}  // namespace

void launch_partial_logits(const Routing& routing, cudaStream_t stream) {
    check(routing.hidden <= kMostChunks * kRouterChunk, "hidden at most 4096");
    const dim3 blocks(static_cast<unsigned>((routing.row_count + kRows - 1) / kRows),
                      static_cast<unsigned>(routing.hidden / kRouterChunk));
    launch_pdl(partial_logits_kernel, blocks, kThreads, 0, stream, routing);
}

void route_few_rows(const Routing& routing, cudaStream_t stream) {
    launch_partial_logits(routing, stream);
    launch_pdl(choose_kernel, dim3(static_cast<unsigned>(routing.row_count)), kMaxExperts, 0, stream,
               routing);
}

void prepare_few_rows_routing() {
    prefer_shared_memory(partial_logits_kernel);
    prefer_shared_memory(choose_kernel);
}

}  // namespace gptoss::backend::cuda

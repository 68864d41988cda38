// The experts of a step of one or two rows, in the order of docs/numerics.md: the stream of gemm_stream.cuh, but every
// block chooses the experts itself, from the router's partial logits, and makes its activations itself: the row's norm
// before gate and up. That is some microseconds less a layer than kernels that choose, sort and normalise for all.
//
// Down's blocks choose again, while gate and up run: their weights are asked for before the hidden values are there.
#pragma once

#include "backend/cuda/batched_routing_parts.cuh"
#include "backend/cuda/gemm_stream.cuh"

namespace gptoss::backend::cuda {

// What a block finds out for itself, in shared memory.
struct FewChoice {
    static constexpr int kPairs = kFewRows * kExpertsPerToken;
    GroupList groups;
    std::int32_t pairs[kPairs];    // sorted by expert
    std::int32_t experts[kPairs];  // of a pair
    float weights[kPairs];
    float logits[kFewRows][kMaxExperts];
    float factors[kFewRows];  // of the norm
};

// The router's partial logits to shared memory, and behind them the partial sums of squares: one stretch.
template <int threads>
__device__ __forceinline__ void copy_router_parts(const Routing& r, std::byte* to) {
    const int bytes = r.hidden / kRouterChunk * r.row_count * (kMaxExperts + 1) * 4;
    for (int at = static_cast<int>(threadIdx.x) * 16; at < bytes; at += threads * 16)
        copy_16_bytes_async(shared_address(to + at),
                            reinterpret_cast<const std::byte*>(r.partial_logits) + at, true);
    commit_copies();
}

// A warp: pairs by expert. The first lane of those that agree leads.
__device__ __forceinline__ void sort_few_pairs(const Routing& r, FewChoice& choice) {
    const int lane = static_cast<int>(threadIdx.x) % 32, pairs = r.row_count * kExpertsPerToken;
    const int expert = lane < pairs ? choice.experts[lane] : -1 - lane;
    const unsigned same = __match_any_sync(kAllLanes, expert), below = (1U << lane) - 1U;
    const int leader = __ffs(static_cast<int>(same)) - 1;
    const unsigned leaders = __ballot_sync(kAllLanes, lane < pairs && leader == lane);
    int first_row = 0;
#pragma unroll
    for (int other = 0; other < FewChoice::kPairs; ++other)
        first_row += __shfl_sync(kAllLanes, leader, other) < leader && other < pairs ? 1 : 0;
    if (lane >= pairs) return;
    choice.pairs[first_row + __popc(same & below)] = lane;
    if (leader != lane) return;
    const int group = __popc(leaders & below), rows = __popc(same);
    choice.groups.groups[group] = TokenGroup{expert, first_row, rows, rows, 1, group};
    if (lane == 0) choice.groups.group_count = choice.groups.tile_count = __popc(leaders);
}

// All threads, at least kMaxExperts for each row; ends with a barrier. `parts`: what copy_router_parts() copied.
__device__ __forceinline__ void choose_few(const Routing& r, const float* parts, FewChoice& choice) {
    const int thread = static_cast<int>(threadIdx.x), row = thread / kMaxExperts,
              expert = thread % kMaxExperts;
    const int chunks = r.hidden / kRouterChunk;
    wait_for_copies<0>();
    __syncthreads();
    if (row < r.row_count) {
        const float* squares_of_row = parts + chunks * r.row_count * kMaxExperts + row;
        float sum = 0, squares = 0;  // always in the order of the columns
#pragma unroll 5
        for (int chunk = 0; chunk < chunks; ++chunk) {
            sum += parts[(chunk * r.row_count + row) * kMaxExperts + expert];
            squares += squares_of_row[chunk * r.row_count];
        }
        const float factor = rms_factor(squares, r.hidden, r.epsilon);
        choice.logits[row][expert] = router_logit(r, row, expert, sum, factor);
        if (expert == 0) choice.factors[row] = factor;
    }
    __syncthreads();
    if (thread < 32) {
        Routing own = r;
        own.choices = choice.experts, own.routing_weights = choice.weights;
        for (int each = 0; each < r.row_count; ++each)
            choose_top_experts(own, each, choice.logits[each], thread);
        __syncwarp();
        sort_few_pairs(r, choice);
    }
    __syncthreads();
}

template <int warps, int depth>
struct FewExpertsGemm : StreamGemm<warps, depth, true> {
    using Stream = StreamGemm<warps, depth, true>;
    static constexpr int kTurnBytes = turn_bytes(8);
    static constexpr int kQuads = 3;  // of a row that a thread normalises
    static constexpr int kMostHidden = kQuads * 4 * Stream::kThreads;
    static_assert(Stream::kThreads >= kFewRows * kMaxExperts);

    // `stored`: rows of activations. The router's parts lie where the rings are later.
    static constexpr int shared_bytes(int columns, int stored) {
        return warps * (Stream::kRingBytes + kTurnBytes) + stored * Stream::stride_bytes(columns) +
               static_cast<int>(sizeof(FewChoice));
    }

    struct Row {
        float4 x[kQuads];
    };
    __device__ static int column_of(int quad) {
        return (quad * Stream::kThreads + static_cast<int>(threadIdx.x)) * 4;
    }
    __device__ static void load_row(Row& row, const float* from, int hidden) {
#pragma unroll
        for (int q = 0; q < kQuads; ++q)
            if (column_of(q) < hidden) row.x[q] = *reinterpret_cast<const float4*>(from + column_of(q));
    }
    __device__ static void store_row(const Row& row, const Row& gain, float factor, ActivationOrder order,
                                     int hidden, std::byte* to) {
#pragma unroll
        for (int q = 0; q < kQuads; ++q)
            if (column_of(q) < hidden) {
                const float4 y = normalised(row.x[q], factor, gain.x[q]);
                store_quad(reinterpret_cast<__half*>(to), column_of(q), order, {y.x, y.y, y.z, y.w});
            }
    }

    // The hidden values that the block's tiles want, each row at its place among the sorted ones.
    __device__ static void copy_hidden(const GemmProblem& problem, const typename Stream::Work& work,
                                       int first, int last, std::byte* to, int stride) {
        if (first >= last) return;
        const int columns = problem.weights.columns, chunks = columns / 8;
        const Tile end = work.tile(last - 1);
        const int begin = work.tile(first).first_row, count = end.first_row + end.row_count - begin;
#pragma unroll 4
        for (int i = threadIdx.x; i < count * chunks; i += Stream::kThreads) {
            const int row = begin + quotient(i, chunks), chunk = i - (row - begin) * chunks;
            reinterpret_cast<uint4*>(to + row * stride)[chunk] = __ldcg(
                reinterpret_cast<const uint4*>(problem.activations + std::int64_t{row} * columns) + chunk);
        }
    }
};

template <int warps, int depth, bool is_down>
__global__ void __launch_bounds__(warps * 32, 2)
    few_experts_kernel(const __grid_constant__ GemmProblem problem, const __grid_constant__ Routing routing) {
    using Gemm = FewExpertsGemm<warps, depth>;
    std::byte* shared = dynamic_shared();
    const int columns = problem.weights.columns, stride = Gemm::stride_bytes(columns);
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    std::byte* activations = shared + warps * (Gemm::kRingBytes + Gemm::kTurnBytes);
    const int stored = is_down ? routing.row_count * kExpertsPerToken : routing.row_count;
    auto& choice = *reinterpret_cast<FewChoice*>(activations + stored * stride);

    typename Gemm::Row gain, rows[kFewRows];
    if constexpr (!is_down) {
        Gemm::load_row(gain, routing.gain, columns);
        griddep_wait();
    }
    // Of gate and up only now: down reads the router's parts before it waits.
    griddep_launch_dependents();
    copy_router_parts<Gemm::kThreads>(routing, shared);
    if constexpr (!is_down)
#pragma unroll
        for (int row = 0; row < kFewRows; ++row)
            if (row < routing.row_count)
                Gemm::load_row(rows[row], routing.residual + std::int64_t{row} * columns, columns);
    choose_few(routing, reinterpret_cast<const float*>(shared), choice);

    const int rows_of_expert = problem.weights.rows / problem.experts;
    const typename Gemm::Work work{problem, choice.groups, rows_of_expert, rows_of_expert / Gemm::kRows};
    const int tiles = choice.groups.tile_count * work.row_tiles, blocks = static_cast<int>(gridDim.x);
    const int first = tiles * static_cast<int>(blockIdx.x) / blocks,
              last = tiles * (static_cast<int>(blockIdx.x) + 1) / blocks;
    const std::uint32_t ring = shared_address(shared) + warp * Gemm::kRingBytes;
    typename Gemm::Loader loader(work, ring, first + warp, last);
    for (int slot = 0; slot < depth; ++slot) loader.load(slot);

    EpilogueTargets targets = problem.epilogue;
    if constexpr (is_down) {
        targets.pairs = choice.pairs;
        targets.routing_weights = choice.weights;
        griddep_wait();
        Gemm::copy_hidden(problem, work, first, last, activations, stride);
    } else {
#pragma unroll
        for (int row = 0; row < kFewRows; ++row)
            if (row < routing.row_count)
                Gemm::store_row(rows[row], gain, choice.factors[row], routing.order, columns,
                                activations + row * stride);
    }
    __syncthreads();

    typename Gemm::KTile k_tile;
    wait_for_copies<depth - 1>();
    __syncwarp();  // every lane's copies have landed
    k_tile.read(ring);
    int slot = 0;
    for (int number = first + warp; number < last; number += warps) {
        const Tile tile = work.tile(number);
        const int sorted = tile.first_row + min(lane % 8, tile.row_count - 1);
        const int row = is_down ? sorted : choice.pairs[sorted] / kExpertsPerToken;
        Gemm::template run_tile<1>(
            targets, tile, rows_of_expert, columns, ring, slot, loader, k_tile,
            shared_address(activations) + row * stride + lane / 8 * 16, stride,
            shared_address(shared) + warps * Gemm::kRingBytes + warp * Gemm::kTurnBytes);
    }
}

}  // namespace gptoss::backend::cuda

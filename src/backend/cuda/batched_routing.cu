#include <algorithm>

#include "backend/cuda/batched_routing.h"
#include "backend/cuda/batched_routing_parts.cuh"
#include "backend/cuda/cluster.cuh"
#include "backend/cuda/cuda_device.h"
#include "backend/cuda/decode_stages.h"
#include "backend/cuda/gemm_ptx.cuh"
#include "backend/cuda/launch.cuh"
#include "base/check.h"

namespace gptoss::backend::cuda {

namespace {

constexpr int kWarps = 8;
constexpr int kThreads = kWarps * 32;
constexpr int kFewerRows = 16, kMoreRows = 32;  // of a block of threads
constexpr int kMostRouterParts = 8;             // blocks of a cluster that every card allows
constexpr int shared_bytes_of(int rows) {
    return kWarps * rows * kMaxExperts * 4;
}

// Four float32 as float16 pairs, and what that rounding left, as float16 pairs: 22 bits together. Values of
// residual rows are normalised before, so neither overflows.
struct SplitQuad {
    std::uint32_t large[2], small[2];
};
__device__ __forceinline__ SplitQuad split(const float (&v)[4], bool nibbles) {
    const float pairs[2][2] = {{v[0], nibbles ? v[2] : v[1]}, {nibbles ? v[1] : v[2], v[3]}};
    SplitQuad out;
#pragma unroll
    for (int p = 0; p < 2; ++p) {
        const __half2 large = to_half2(pairs[p][0], pairs[p][1]);
        const float2 back = __half22float2(large);
        out.large[p] = as_word(large);
        out.small[p] = as_word(to_half2(pairs[p][0] - back.x, pairs[p][1] - back.y));
    }
    return out;
}

__device__ __forceinline__ void load_quad(float (&v)[4], const float* from) {
    const float4 quad = *reinterpret_cast<const float4*>(from);
    v[0] = quad.x, v[1] = quad.y, v[2] = quad.z, v[3] = quad.w;
}

// Of the block, or of all blocks of its cluster.
__device__ __forceinline__ void meet(int parts) {
    if (parts == 1) return __syncthreads();
    __syncwarp();
    cluster_arrive();
    cluster_wait();
}

// Warps share the columns; each holds partial logits of all experts for the block's rows. `m_tiles`: of 16 experts.
// The `parts` blocks of a cluster share the columns of the same rows, so that each reads its part of the router alone,
// and then these rows: for each, one of them finds the norm's factor, adds up the logits and chooses.
template <int m_tiles, int kRows>
__global__ void __launch_bounds__(kThreads, 1) router_kernel(const Routing r, const int parts) {
    constexpr int kLogits = kRows * kMaxExperts, n_tiles = kRows / 8;
    constexpr int kTilesAtOnce = m_tiles * kFewerRows / kRows;  // as many weights as there are registers for
    extern __shared__ float partial_logits[];                   // [warp][row][expert]
    __shared__ float factors[kRows];
    griddep_launch_dependents();
    if (parts > 1) cluster_arrive();  // the block has started: others may store into it
    griddep_wait();
    const int part = static_cast<int>(blockIdx.x) % parts;
    const int first_row = static_cast<int>(blockIdx.x) / parts * kRows;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, c = lane % 4;
    const auto row_of = [&](int i) {
        return r.residual + std::int64_t{min(first_row + i, r.row_count - 1)} * r.hidden;
    };

    if (parts > 1) cluster_wait();
    for (int i = warp * parts + part; i < kRows; i += kWarps * parts) {
        const float* row = row_of(i);
        float squares = 0;
        constexpr int kQuadsAtOnce = 12;  // all asked for before the first is used
        for (int first = lane * 4; first < r.hidden; first += 128 * kQuadsAtOnce) {
            float4 quads[kQuadsAtOnce];
#pragma unroll
            for (int q = 0; q < kQuadsAtOnce; ++q)
                quads[q] = first + 128 * q < r.hidden
                               ? *reinterpret_cast<const float4*>(row + first + 128 * q)
                               : float4{};
#pragma unroll
            for (int q = 0; q < kQuadsAtOnce; ++q) squares += squares_of(quads[q]);
        }
        for (int step = 16; step > 0; step /= 2) squares += __shfl_xor_sync(kAllLanes, squares, step);
        const float factor = rms_factor(squares, r.hidden, r.epsilon);
        if (parts > 1) {
            if (lane < parts) store_shared_of_cluster(shared_address_of_block(&factors[i], lane), factor);
        } else if (lane == 0) {
            factors[i] = factor;
        }
    }
    meet(parts);

    const bool nibbles = r.order == ActivationOrder::nibbles;
    const float* rows[n_tiles];
    float own_factors[n_tiles];
#pragma unroll
    for (int n = 0; n < n_tiles; ++n) rows[n] = row_of(8 * n + g), own_factors[n] = factors[8 * n + g];
    float sums[m_tiles][n_tiles][4] = {};
    for (int step = part * kWarps + warp; step < r.hidden / 16; step += kWarps * parts) {
        // The columns this lane of the matrix instruction covers, four together in memory.
        const int column = step / 2 * 32 + (nibbles ? step % 2 * 16 + 4 * c : step % 2 * 4 + 8 * c);
        SplitQuad b[n_tiles];
#pragma unroll
        for (int first = 0; first < m_tiles; first += kTilesAtOnce) {
            // All loads before their first use: what counts here is how many are on their way.
            float weights[kTilesAtOnce][2][4];
#pragma unroll
            for (int m_tile = 0; m_tile < kTilesAtOnce; ++m_tile)
#pragma unroll
                for (int half = 0; half < 2; ++half)
                    load_quad(weights[m_tile][half],
                              r.router +
                                  std::int64_t{min((first + m_tile) * 16 + half * 8 + g, r.experts - 1)} *
                                      r.hidden +
                                  column);
            if (first == 0) {
                const float4 gain = *reinterpret_cast<const float4*>(r.gain + column);
                float4 values[n_tiles];
#pragma unroll
                for (int n = 0; n < n_tiles; ++n)
                    values[n] = *reinterpret_cast<const float4*>(rows[n] + column);
#pragma unroll
                for (int n = 0; n < n_tiles; ++n) {
                    const float4 x = normalised(values[n], own_factors[n], gain);
                    b[n] = split({x.x, x.y, x.z, x.w}, nibbles);
                    if (first_row + 8 * n + g < r.row_count) {
                        auto* to = reinterpret_cast<std::uint32_t*>(
                            r.normalised + std::int64_t{first_row + 8 * n + g} * r.hidden + step * 16);
                        to[c] = b[n].large[0];
                        to[4 + c] = b[n].large[1];
                    }
                }
            }
#pragma unroll
            for (int m_tile = 0; m_tile < kTilesAtOnce; ++m_tile) {
                const SplitQuad a[2] = {split(weights[m_tile][0], nibbles),
                                        split(weights[m_tile][1], nibbles)};
                const std::uint32_t large[4] = {a[0].large[0], a[1].large[0], a[0].large[1], a[1].large[1]};
                const std::uint32_t small[4] = {a[0].small[0], a[1].small[0], a[0].small[1], a[1].small[1]};
#pragma unroll
                for (int n = 0; n < n_tiles; ++n) {
                    float(&sum)[4] = sums[first + m_tile][n];
                    MmaF16::multiply_add(sum, large, b[n].large[0], b[n].large[1]);
                    MmaF16::multiply_add(sum, large, b[n].small[0], b[n].small[1]);
                    MmaF16::multiply_add(sum, small, b[n].large[0], b[n].large[1]);
                }
            }
        }
    }
#pragma unroll
    for (int m_tile = 0; m_tile < m_tiles; ++m_tile)
#pragma unroll
        for (int n = 0; n < n_tiles; ++n)
#pragma unroll
            for (int i = 0; i < 4; ++i)
                partial_logits[warp * kLogits + (8 * n + 2 * c + i % 2) * kMaxExperts + m_tile * 16 +
                               i / 2 * 8 + g] = sums[m_tile][n][i];
    __syncthreads();
    // Always added in the same order: the same input gives the same routing.
    for (int i = threadIdx.x; i < kLogits; i += kThreads) {
        float logit = 0;
        for (int w = 0; w < kWarps; ++w) logit += partial_logits[w * kLogits + i];
        partial_logits[i] = logit;
    }
    meet(parts);
    // Other blocks may still read this one's sums.
    float* finished = partial_logits + kLogits;
    for (int i = warp * parts + part; i < kRows && first_row + i < r.row_count; i += kWarps * parts) {
        float* logits = finished + i * kMaxExperts;
        const int row = first_row + i;
        for (int e = lane; e < kMaxExperts; e += 32) {
            const float* sum = partial_logits + i * kMaxExperts + e;
            float logit = parts > 1 ? 0 : *sum;
            for (int other = 0; parts > 1 && other < parts; ++other)
                logit += load_shared_of_cluster(shared_address_of_block(sum, other));
            logits[e] = e < r.experts ? logit + r.router_bias[e] : -INFINITY;
            if (r.logits != nullptr && e < r.experts) r.logits[std::int64_t{row} * r.experts + e] = logits[e];
        }
        __syncwarp();
        choose_top_experts(r, row, logits, lane);
    }
    if (parts > 1) {
        __syncwarp();
        cluster_arrive();
    }
    if (parts > 1) cluster_wait();  // its sums have been read
}

constexpr int kSortWarps = 32;

// A stable counting sort of the pairs by expert, by one block. Warps take equal runs of pairs in order.
__global__ void __launch_bounds__(kSortWarps * 32) sort_kernel(const Routing r) {
    __shared__ int counts[kSortWarps][kMaxExperts];  // then: where a warp's next pair of that expert goes
    __shared__ int totals[kMaxExperts], starts[kMaxExperts];
    __shared__ int by_rank[kMaxExperts];
    griddep_launch_dependents();
    griddep_wait();
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int pairs = r.row_count * kExpertsPerToken;
    const int run = (pairs + kSortWarps * 32 - 1) / (kSortWarps * 32) * 32;
    const int first = warp * run, last = min(first + run, pairs);
    const int used_warps = (pairs + run - 1) / run;
    for (int e = lane; e < kMaxExperts; e += 32) counts[warp][e] = 0;
    __syncwarp();
    for (int i = first + lane; i < last; i += 32) atomicAdd(&counts[warp][r.choices[i]], 1);
    __syncthreads();

    if (threadIdx.x < kMaxExperts) {
        const int e = threadIdx.x;
        int total = 0;
        for (int w = 0; w < used_warps; ++w) {
            const int count = counts[w][e];
            counts[w][e] = total;
            total += count;
        }
        totals[e] = total;
    }
    __syncthreads();
    {  // larger groups come first, so that the small ones fill the gaps at the end; eight threads an expert
        const int e = threadIdx.x / 8, part = threadIdx.x % 8, total = totals[e];
        int rank = 0;
        for (int other = part; other < kMaxExperts; other += 8)
            rank += totals[other] > total || (totals[other] == total && other < e);
        for (int step = 4; step > 0; step /= 2) rank += __shfl_xor_sync(kAllLanes, rank, step);
        if (part == 0) by_rank[rank] = e;
    }
    __syncthreads();
    if (warp == 0) {  // four groups a lane: where their rows and tiles begin
        constexpr int kEach = kMaxExperts / 32;
        const auto tiles = [&](int rows) { return (rows + r.tile_tokens - 1) / r.tile_tokens; };
        int rows_before = 0, tiles_before = 0;
        for (int i = 0; i < kEach; ++i) {
            const int rows = totals[by_rank[lane * kEach + i]];
            rows_before += rows;
            tiles_before += tiles(rows);
        }
        const int own_rows = rows_before, own_tiles = tiles_before;
        for (int step = 1; step < 32; step *= 2) {
            const int more_rows = __shfl_up_sync(kAllLanes, rows_before, step),
                      more_tiles = __shfl_up_sync(kAllLanes, tiles_before, step);
            if (lane >= step) {
                rows_before += more_rows;
                tiles_before += more_tiles;
            }
        }
        if (lane == 31) r.groups->tile_count = tiles_before;
        rows_before -= own_rows;
        tiles_before -= own_tiles;
        int groups = 0;
        for (int i = 0; i < kEach; ++i) {
            const int rank = lane * kEach + i, e = by_rank[rank], rows = totals[e];
            starts[e] = rows_before;
            if (rows == 0) continue;
            ++groups;
            const int tile_count = tiles(rows), tile_rows = (rows + tile_count - 1) / tile_count;
            r.groups->groups[rank] = TokenGroup{
                e, rows_before, rows, min(tile_rows_for(tile_rows), r.tile_tokens), tile_count, tiles_before};
            rows_before += rows;
            tiles_before += tile_count;
        }
        groups = __reduce_add_sync(kAllLanes, groups);
        if (lane == 0) r.groups->group_count = groups;
    }
    __syncthreads();
    for (int i = threadIdx.x; i < used_warps * kMaxExperts; i += kSortWarps * 32)
        counts[i / kMaxExperts][i % kMaxExperts] += starts[i % kMaxExperts];
    __syncthreads();

    for (int base = first; base < last; base += 32) {
        const bool here = base + lane < last;
        const unsigned active = __ballot_sync(kAllLanes, here);
        if (here) {
            const int expert = r.choices[base + lane];
            const unsigned same = __match_any_sync(active, expert);
            const int before = __popc(same & ((1U << lane) - 1));
            r.sorted_pairs[counts[warp][expert] + before] = base + lane;
            __syncwarp(active);
            if (before == 0) counts[warp][expert] += __popc(same);
        }
        __syncwarp();
    }
}

// As many blocks share a router's columns as run at once. A cluster of more than two needs free SMs of one GPC: on an
// H200 16 clusters of 8 and 32 of 4 took two rounds, 12 and 24 one. Before Hopper there are no clusters.
int router_parts(int row_blocks, const DeviceTraits& device) {
    if (device.compute_major < 9) return 1;
    for (int parts = kMostRouterParts; parts > 2; --parts)
        if (row_blocks * parts <= device.sm_count * 3 / 4) return parts;
    return row_blocks * 2 <= device.sm_count ? 2 : 1;
}

template <int kRows>
void launch_router(const Routing& routing, const DeviceTraits& device, cudaStream_t stream) {
    const int row_blocks = (routing.row_count + kRows - 1) / kRows, parts = router_parts(row_blocks, device);
    const auto router =
        routing.experts <= 32 ? router_kernel<2, kRows> : router_kernel<kMaxExperts / 16, kRows>;
    launch_pdl_cluster(router, dim3(static_cast<unsigned>(row_blocks * parts)), kThreads,
                       shared_bytes_of(kRows), parts, stream, routing, parts);
}

bool has_room_for_more_rows(const DeviceTraits& device) {
    constexpr int kOwn = 1024;  // the most that a kernel's own variables take
    return device.shared_bytes_per_block >= shared_bytes_of(kMoreRows) + kOwn;
}

// Every row block's rows cost a reading of the router, so it has more rows where columns can be shared or where there
// are enough rows for every SM.
void route_rows(const Routing& routing, cudaStream_t stream) {
    const DeviceTraits device = current_device_traits();
    const bool enough = device.compute_major >= 9 || routing.row_count >= device.sm_count * kMoreRows;
    if (enough && has_room_for_more_rows(device))
        launch_router<kMoreRows>(routing, device, stream);
    else
        launch_router<kFewerRows>(routing, device, stream);
}

// As many launches as it takes: a row's sums do not depend on the others.
void route_rows_by_columns(const Routing& routing, cudaStream_t stream) {
    for (std::int32_t first = 0; first < routing.row_count; first += kFewRoutedRows) {
        Routing part = routing;
        const std::int64_t row = first;
        part.row_count = std::min(routing.row_count - first, kFewRoutedRows);
        part.residual += row * routing.hidden;
        part.normalised += row * routing.hidden;
        part.choices += row * kExpertsPerToken;
        part.routing_weights += row * kExpertsPerToken;
        if (part.logits != nullptr) part.logits += row * routing.experts;
        if (routing.row_count > kFewRoutedRows) part.groups = nullptr;
        route_few_rows(part, stream);
    }
}

}  // namespace

void prepare_routing() {
    const auto allow = [](auto kernel, int rows) {
        cuda_check(
            cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes_of(rows)));
        prefer_shared_memory(kernel);
    };
    allow(router_kernel<2, kFewerRows>, kFewerRows);
    allow(router_kernel<kMaxExperts / 16, kFewerRows>, kFewerRows);
    if (has_room_for_more_rows(current_device_traits())) {
        allow(router_kernel<2, kMoreRows>, kMoreRows);
        allow(router_kernel<kMaxExperts / 16, kMoreRows>, kMoreRows);
    }
    prefer_shared_memory(sort_kernel);
    prepare_few_rows_routing();
    prepare_many_rows_routing();
}

void launch_routing(const Routing& routing, cudaStream_t stream) {
    check(routing.hidden % 32 == 0, "columns come in blocks of 32");
    check(routing.experts <= kMaxExperts && routing.experts >= kExpertsPerToken, "4 to 128 experts");
    if (routing.row_count == 0) return;
    check(!routing.in_order || (routing.partial_logits != nullptr && routing.hidden % kRouterChunk == 0),
          "room for the parts of few rows, whole chunks");
    !routing.in_order                     ? route_rows(routing, stream)
    : routing.row_count < kManyRoutedRows ? route_rows_by_columns(routing, stream)
                                          : route_many_rows(routing, stream);
    if (!sorts_few_pairs(routing)) launch_pdl(sort_kernel, dim3(1), kSortWarps * 32, 0, stream, routing);
}

}  // namespace gptoss::backend::cuda

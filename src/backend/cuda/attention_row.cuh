// What every kernel of a row's attention ends with: the parts that the warps of a block, and the blocks of a row and key head,
// have of eight query heads are brought together, with the sink, and stored.
#pragma once

#include "backend/cuda/cluster.cuh"
#include "backend/cuda/decode_stages.h"
#include "backend/cuda/kv_elements.cuh"

namespace gptoss::backend::cuda {

inline constexpr int kRowWarps = 8;
inline constexpr int kRowThreads = kRowWarps * 32;
inline constexpr float kRowLog2E = 1.44269504F;
inline constexpr float kLowest = -1e30F;              // below every score, and finite
inline constexpr int kPartialFloats = kHeadSize + 2;  // sums of values, largest score, sum of weights
static_assert(kRowThreads == kMaxGroupHeads * 32 && kHeadSize == 64,
              "a warp combines a head, two values a lane");

// Rounded pair and what the rounding lost.
template <typename Mma>
__device__ void split_pair(float first, float second, std::uint32_t& rounded, std::uint32_t& rest) {
    rounded = Mma::pack(first, second);
    const float2 back = Mma::unpack(rounded);
    rest = Mma::pack(first - back.x, second - back.y);
}

// What `Rows` must have: where the row of blockIdx.z comes from, where its result goes, which keys it sees.
//   int query_heads, kv_heads, window (0 = all keys), table_stride, layer_of_pool
//   KvPool pool; const std::int32_t* table (of slot 0); const float* sinks
//   RowInput input(int row)
//   float4 query(int row, int element)      four elements of [query head][64], element a multiple of 4
//   void store(int row, int element, float low, float high)     times kShrink
//   float* partials(int row, int kv_head)   [split][kMaxGroupHeads][kPartialFloats]
//   std::int32_t* semaphore(int row, int kv_head)     zero between kernels

// The part of a row and key head that a block has: groups of keys, counted from the row's first.
struct RowPart {
    // A part for every warp to have something to do; short rows are not split.
    int row, kv_head, split, kv_splits;
    RowInput input;
    int first_key, first_group, begin, end;

    // Parts are blockIdx.x, key heads blockIdx.y, rows blockIdx.z. Without keys for this block: split >= kv_splits.
    template <int kKeys, typename Rows>
    static __device__ RowPart of_block(const Rows& rows) {
        RowPart part;
        part.split = static_cast<int>(blockIdx.x);
        part.kv_head = static_cast<int>(blockIdx.y);
        part.row = static_cast<int>(blockIdx.z);
        part.input = rows.input(part.row);
        part.first_key = rows.window > 0 ? max(0, part.input.position - rows.window + 1) : 0;
        part.first_group = part.first_key / kKeys;
        const int groups = part.input.position / kKeys + 1 - part.first_group;
        part.kv_splits = max(1, min(static_cast<int>(gridDim.x), groups / kRowWarps));
        part.begin = part.first_group + static_cast<int>(std::int64_t{groups} * part.split / part.kv_splits);
        part.end =
            part.first_group + static_cast<int>(std::int64_t{groups} * (part.split + 1) / part.kv_splits);
        return part;
    }
};

// What a warp leaves in shared memory. Each part counts with 2^(its largest score - the largest of all); a part without
// keys has minus infinity and counts nothing.
struct alignas(16) WarpPart {
    // Four more: the eight heads of a store start in other banks.
    float values[kMaxGroupHeads][kHeadSize + 4];
    float largest[kMaxGroupHeads], weights[kMaxGroupHeads];
};

// A query head's sums: a warp has a head, a lane two dimensions.
struct HeadSums {
    float2 values{};
    float largest = kLowest, weights = 0;
};

// Of a head's parts, at most kMost and at most 32: lane i gets (largest score, sum of weights) of part i from
// `ends_of(i)`, every lane its values from `values_of(i)`. Added in the parts' order. Sixteen parts' values are asked for
// at once, the first before anything is done with them.
template <int kMost, typename EndsOf, typename ValuesOf>
__device__ __forceinline__ HeadSums add_parts(int parts, EndsOf ends_of, ValuesOf values_of) {
    static_assert(kMost <= 32, "a lane has a part");
    constexpr int kAtOnce = kMost < 16 ? kMost : 16;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    float2 values[kAtOnce];
    const auto ask = [&](int first) {
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) values[i] = first + i < parts ? values_of(first + i) : float2{};
    };
    const float2 ends = lane < parts ? ends_of(lane) : float2{kLowest, 0};
    ask(0);
    HeadSums all;
    all.largest = from_ordered_bits(__reduce_max_sync(kAllLanes, ordered_bits(ends.x)));
    const float own_factor = power_of_two(ends.x - all.largest);
    all.weights = warp_sum(ends.y * own_factor);
#pragma unroll 1
    for (int first = 0; first < parts; first += kAtOnce) {
        if (first > 0) ask(first);
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) {
            const float factor = __shfl_sync(kAllLanes, own_factor, (first + i) % 32);
            if (first + i >= parts) continue;
            all.values = {all.values.x + values[i].x * factor, all.values.y + values[i].y * factor};
        }
    }
    return all;
}

// Brings the parts of a row's keys together by way of a cluster of up to kMaxKvClusterParts blocks: each stores what it
// has of a query head into the shared memory of the block that finishes that head, h % parts. No fence, no counter, no
// trip to the L2 cache. False: another block finishes this warp's head.
__device__ __forceinline__ bool join_cluster(HeadSums& sums, int head, const RowPart& own) {
    __shared__ alignas(16) float parts[kMaxGroupHeads][kMaxKvClusterParts][kPartialFloats];
    const int lane = static_cast<int>(threadIdx.x) % 32, splits = own.kv_splits;
    cluster_wait();
    const std::uint32_t to = shared_address_of_block(parts[head][own.split], head % splits);
    store_shared_of_cluster(to + lane * 8, sums.values);
    if (lane == 0) store_shared_of_cluster(to + kHeadSize * 4, {sums.largest, sums.weights});
    cluster_arrive();
    cluster_wait();
    if (head % splits != own.split) return false;
    sums = add_parts<kMaxKvClusterParts>(
        splits, [&](int part) { return *reinterpret_cast<const float2*>(&parts[head][part][kHeadSize]); },
        [&](int part) { return *reinterpret_cast<const float2*>(&parts[head][part][2 * lane]); });
    return true;
}

// The same by way of device memory, for the block that comes last. The sums are the same, and added in the same order.
template <typename Rows>
__device__ __forceinline__ bool join_in_memory(HeadSums& sums, int head, const Rows& rows,
                                               const RowPart& own) {
    __shared__ bool is_last;
    const int lane = static_cast<int>(threadIdx.x) % 32, splits = own.kv_splits;
    float* partials = rows.partials(own.row, own.kv_head);
    float* mine = partials + (own.split * kMaxGroupHeads + head) * kPartialFloats;
    *reinterpret_cast<float2*>(mine + 2 * lane) = sums.values;
    if (lane == 0) *reinterpret_cast<float2*>(mine + kHeadSize) = {sums.largest, sums.weights};
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        std::int32_t* semaphore = rows.semaphore(own.row, own.kv_head);
        is_last = atomicAdd(semaphore, 1) == splits - 1;
        if (is_last) *semaphore = 0;  // for the next layer
        __threadfence();
    }
    __syncthreads();
    if (!is_last) return false;
    const float* theirs = partials + head * kPartialFloats;
    constexpr int kSplitFloats = kMaxGroupHeads * kPartialFloats;
    sums = add_parts<kMaxKvSplits>(
        splits,
        [&](int part) {
            return __ldcg(reinterpret_cast<const float2*>(theirs + part * kSplitFloats + kHeadSize));
        },
        [&](int part) {
            return __ldcg(reinterpret_cast<const float2*>(theirs + part * kSplitFloats + 2 * lane));
        });
    return true;
}

// `part_of(warp)`: its WarpPart; the block's threads have stored them and met.
// kCluster: the parts of a row's keys are a cluster of blocks.
template <bool kCluster, typename Rows, typename PartOf>
__device__ __forceinline__ void finish_row(const Rows& rows, const RowPart& own, PartOf part_of) {
    const int head = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    const int group_heads = rows.query_heads / rows.kv_heads;
    HeadSums sums;
#pragma unroll
    for (int other = 0; other < kRowWarps; ++other)
        sums.largest = fmaxf(sums.largest, part_of(other).largest[head]);
#pragma unroll
    for (int other = 0; other < kRowWarps; ++other) {
        const WarpPart& part = part_of(other);
        const float factor = power_of_two(part.largest[head] - sums.largest);
        const float2 values = *reinterpret_cast<const float2*>(&part.values[head][2 * lane]);
        sums.values = {sums.values.x + values.x * factor, sums.values.y + values.y * factor};
        sums.weights += part.weights[head] * factor;
    }
    if constexpr (kCluster) {
        if (!join_cluster(sums, head, own)) return;
    } else if (own.kv_splits > 1) {
        if (!join_in_memory(sums, head, rows, own)) return;
    }
    if (head >= group_heads) return;
    const int query_head = own.kv_head * group_heads + head;
    // The sink: a score without a value, a raw logit.
    const float sink = __ldg(rows.sinks + query_head) * kRowLog2E;
    const float largest = fmaxf(sums.largest, sink);
    const float shrink = power_of_two(sums.largest - largest);
    const float factor = Rows::kShrink * shrink / (sums.weights * shrink + power_of_two(sink - largest));
    rows.store(own.row, query_head * kHeadSize + 2 * lane, sums.values.x * factor, sums.values.y * factor);
}

// The running softmax meets a group's scores: `top` is the lane's largest of them, and four lanes share a row. What was
// summed before is scaled to the new largest.
__device__ __forceinline__ void meet_group(float top, float& largest, float& weights, float (&sums)[8][4]) {
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 1));
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
    const float both = fmaxf(largest, top);  // finite: every group has a visible key
    const float shrink = power_of_two(largest - both);
    largest = both;
    weights *= shrink;
#pragma unroll
    for (int j = 0; j < 8; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i) sums[j][i] *= shrink;
}

}  // namespace gptoss::backend::cuda

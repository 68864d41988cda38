// Attention of hundreds of rows that are alone in their segments, at the speed of memory. All work is one list: row
// after row, key head after key head, group of keys after group of keys. Every warp gets as much of it as every other
// (plan/lone_row_shares.h), so all end together, and copies keys and values ahead into a ring of its own, across the borders
// of heads and rows. No warp waits for another; what several computed of a row and head is added up by the last of them
// to finish, in the list's order.
#pragma once

#include "backend/cuda/attention_lone_group.cuh"
#include "backend/cuda/attention_prefill.h"
#include "backend/cuda/attention_prefill_tile.cuh"

namespace gptoss::backend::cuda {

inline constexpr int kMostLoneThreads = kMostLoneWorkersAnSm * 32;  // of a block, one an SM
inline constexpr int kLonePartFloats = kMaxGroupHeads * kPartialFloats;

// A row and key head of the list.
struct LoneWalk {
    const LoneRow* rows;
    int count, kv_heads, window;

    int lone = 0, head = 0;
    int row = 0, slot = 0, position = 0;
    int4 next = {};  // the row after this one, asked for early

    __device__ int4 ask(int which) const {
        return __ldg(reinterpret_cast<const int4*>(rows + min(which, count - 1)));
    }
    __device__ void enter(const int4& entered) {
        row = entered.x;
        slot = entered.y;
        position = entered.z;
        next = ask(lone + 1);
    }
    __device__ void advance() {
        if (++head < kv_heads) return;
        head = 0;
        ++lone;
        enter(next);
    }
    __device__ int first_key() const { return first_lone_key(position, window); }
    __device__ int first_group() const { return first_key() / kLoneGroupKeys; }
    __device__ int groups() const { return count_lone_groups(position, window); }
};

// The ring's filling side.
template <model::KvType kKv, int kSlots>
struct LoneCopies {
    using Group = LoneGroup<kKv>;
    const PrefillAttention& a;
    std::uint32_t ring;
    LoneWalk walk;
    int group, left;  // of the walk's row; in this warp's share
    int slot = 0;
    std::int32_t block = 0;  // that has the group

    __device__ void look_up_block() {
        if (left > 0)
            block = __ldg(a.tables + std::int64_t{walk.slot} * a.table_stride +
                          group * kLoneGroupKeys / model::kBlockTokens);
    }
    // Earlier steps wrote all of the next group.
    __device__ bool is_old() const { return (group + 1) * kLoneGroupKeys <= walk.position; }

    // Sends for the next group, or for nothing when there is none.
    __device__ __forceinline__ void send(int lane) {
        if (left > 0) {
            const std::byte* from =
                a.pool.data + (kv_tile_start(a.pool, a.pool_layer, block, false, walk.head) +
                               group * kLoneGroupKeys % model::kBlockTokens * kHeadSize) *
                                  Group::kElementBytes;
            const std::int64_t to_values = a.pool.kv_heads * a.pool.tile_elements() * Group::kElementBytes;
            Group::copy(ring + slot * Group::kBytes, from, to_values, group * kLoneGroupKeys,
                        walk.first_key(), walk.position, lane);
            slot = slot + 1 == kSlots ? 0 : slot + 1;
            --left;
            if (++group == walk.first_group() + walk.groups()) {
                walk.advance();
                group = walk.first_group();
            }
            look_up_block();
        }
        commit_copies();
    }
};

template <model::KvType kKv, int kSlots>
struct LoneWarp {
    using Group = LoneGroup<kKv>;
    using Mma = typename Group::Mma;
    static constexpr int kRingBytes = kSlots * Group::kBytes;

    const PrefillAttention& a;
    const ManyLoneRows& lone;
    std::uint32_t ring;
    int lane, g, t, group_heads;

    __device__ void ask_for_queries(typename Group::QueryWords& words, int row, int head) const {
        const std::uint16_t* queries =
            a.queries +
            (std::int64_t{row} * a.query_heads + head * group_heads + min(g, group_heads - 1)) * kHeadSize;
#pragma unroll
        for (int step = 0; step < 4; ++step)
#pragma unroll
            for (int half = 0; half < 2; ++half)
                words[step][half] =
                    *reinterpret_cast<const std::uint32_t*>(queries + Group::query_dimension(t, step, half));
    }

    // A worker leaves at most two parts: of what began in an earlier share, and of what goes on in the next.
    __device__ float* part(int worker, bool goes_on) const {
        return lone.partials + (std::int64_t{worker} * 2 + (goes_on ? 1 : 0)) * kLonePartFloats;
    }
    __device__ void leave(const LoneSums& sums, float* to) const {
#pragma unroll
        for (int i = 0; i < 4; ++i)
            reinterpret_cast<float4*>(to)[i * 32 + lane] = {sums.pairs[2 * i].x, sums.pairs[2 * i].y,
                                                            sums.pairs[2 * i + 1].x, sums.pairs[2 * i + 1].y};
        if (t == 0)
            *reinterpret_cast<float2*>(to + kMaxGroupHeads * kHeadSize + 2 * g) = {sums.largest,
                                                                                   sums.weights};
    }
    __device__ void add(LoneSums& sums, const float* from) const {
        const float2 ends =
            __ldcg(reinterpret_cast<const float2*>(from + kMaxGroupHeads * kHeadSize + 2 * g));
        const float both = fmaxf(sums.largest, ends.x);
        const float old = power_of_two(sums.largest - both), own = power_of_two(ends.x - both);
        sums.largest = both;
        sums.weights = sums.weights * old + ends.y * own;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const float4 four = __ldcg(reinterpret_cast<const float4*>(from) + i * 32 + lane);
            float2 &low = sums.pairs[2 * i], &high = sums.pairs[2 * i + 1];
            low = {low.x * old + four.x * own, low.y * old + four.y * own};
            high = {high.x * old + four.z * own, high.y * old + four.w * own};
        }
    }
    // The last of the workers from `first` to `end` - 1 to come here gets the sum of all their parts, and true.
    __device__ bool join(LoneSums& sums, int worker, int first, int end) const {
        leave(sums, part(worker, worker == first));
        __syncwarp();
        int is_last = 0;
        if (lane == 0) {
            __threadfence();
            std::int32_t* semaphore = lone.semaphores + first;
            is_last = atomicAdd(semaphore, 1) == end - 1 - first ? 1 : 0;
            if (is_last != 0) {
                *semaphore = 0;  // for the next layer
                __threadfence();
            }
        }
        if (__shfl_sync(kAllLanes, is_last, 0) == 0) return false;
        sums = {};
        sums.largest = kLowest;
        add(sums, part(first, true));
#pragma unroll 4
        for (int other = first + 1; other < end; ++other) add(sums, part(other, false));
        return true;
    }
    __device__ void store(const LoneSums& sums, const LoneWalk& walk) const {
        if (g >= group_heads) return;
        const int head = walk.head * group_heads + g;
        // The sink: a score without a value, a raw logit.
        const float sink = __ldg(a.sinks + head) * kRowLog2E;
        const float largest = fmaxf(sums.largest, sink);
        const float shrink = power_of_two(sums.largest - largest);
        const float factor = shrink / (sums.weights * shrink + power_of_two(sink - largest));
        __half* to = a.output + (std::int64_t{walk.row} * a.query_heads + head) * kHeadSize;
#pragma unroll
        for (int j = 0; j < 8; ++j)
            store_attention_pair(to, a.order, Group::pair_dimension(t, j), sums.pairs[j].x * factor,
                                 sums.pairs[j].y * factor);
    }

    __device__ __forceinline__ void run(int worker) const {
        const LoneRowShare share = lone.work[worker];
        int left = share.groups;
        LoneWalk walk{lone.rows, lone.count, a.pool.kv_heads, a.window, share.lone};
        walk.enter(*reinterpret_cast<const int4*>(&share.row));
        walk.head = share.group / walk.groups();
        int done = share.group % walk.groups();  // before this share
        LoneCopies<kKv, kSlots> copies{a, ring, walk, walk.first_group() + done, left};
        copies.look_up_block();
#pragma unroll 1
        for (int i = 0; i < kSlots; ++i) {
            // What earlier steps wrote can be read before the previous stage is over.
            if (!copies.is_old()) griddep_wait();
            copies.send(lane);
        }
        griddep_wait();
        typename Group::QueryWords words;
        ask_for_queries(words, walk.row, walk.head);
        int slot = 0;
        std::int64_t list_begin =
            lone.shares.begin(worker) - done;  // of this row and head, where they are divided
        while (left > 0) {
            const int all_groups = walk.groups(), groups = min(all_groups - done, left);
            typename Group::Query query;  // scaled by 1 / sqrt(64), and for powers of two instead of e
            Group::make_query(query, g < group_heads ? 0.125F * kRowLog2E : 0.0F,
                              [&](int step, int half) { return Mma::unpack(words[step][half]); });
            if (left > groups) {
                const bool same_row = walk.head + 1 < walk.kv_heads;
                ask_for_queries(words, same_row ? walk.row : walk.next.x, same_row ? walk.head + 1 : 0);
            }
            const int first = walk.first_group() + done;
            LoneSums sums = attend_groups<kSlots, Group>(ring, slot, first, first + groups, 1,
                                                         walk.first_key(), walk.position, query, copies);
            bool is_all = groups == all_groups;
            if (!is_all)
                is_all = join(sums, worker, lone.shares.worker_of(list_begin),
                              lone.shares.worker_of(list_begin + all_groups - 1) + 1);
            if (is_all) store(sums, walk);
            left -= groups;
            list_begin += all_groups;
            done = 0;
            walk.advance();
        }
    }
};

template <model::KvType kKv, int kSlots>
__global__ void __launch_bounds__(kMostLoneThreads, 1)
    many_lone_rows_kernel(const __grid_constant__ PrefillAttention a,
                          const __grid_constant__ ManyLoneRows lone) {
    using Warp = LoneWarp<kKv, kSlots>;
    griddep_launch_dependents();
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    // Little work is spread over all SMs.
    const int worker = warp * static_cast<int>(gridDim.x) + static_cast<int>(blockIdx.x);
    if (worker >= lone.shares.workers) {
        griddep_wait();  // or this kernel could be over before the one it depends on
        return;
    }
    const std::uint32_t ring =
        shared_address(dynamic_shared()) + static_cast<std::uint32_t>(warp * Warp::kRingBytes);
    Warp{a, lone, ring, lane, lane / 4, lane % 4, a.query_heads / a.pool.kv_heads}.run(worker);
}

}  // namespace gptoss::backend::cuda

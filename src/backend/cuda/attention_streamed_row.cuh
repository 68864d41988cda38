// Attention of single rows over many cached keys, at the speed of memory. As in paged_decode_attention.cuh a block has a
// row, a key head and a part of the keys, and what comes out is brought together in the same way. Here a warp has its
// groups of keys copied ahead into a ring of its own in shared memory: what is on its way is not bounded by registers.
#pragma once

#include "backend/cuda/attention_lone_group.cuh"

namespace gptoss::backend::cuda {

// The filling side of a warp's ring: every kRowWarps-th group from `group` on before `end`.
template <typename Group, int kSlots>
struct RowCopies {
    const std::byte* head;  // the key head's tile in block 0
    const std::int32_t* table;
    std::int64_t block_bytes, to_values;
    std::uint32_t ring;
    int group, end, first_key, last_key;
    int slot = 0;
    std::int32_t block = 0;  // that has the group

    __device__ void look_up_block() {
        if (group < end) block = __ldg(table + group * Group::kKeys / model::kBlockTokens);
    }
    __device__ __forceinline__ void send(int lane) {
        if (group < end) {
            const std::byte* from =
                head + block * block_bytes + group * Group::kKeys % model::kBlockTokens * Group::kRowBytes;
            Group::copy(ring + slot * Group::kBytes, from, to_values, group * Group::kKeys, first_key,
                        last_key, lane);
            slot = slot + 1 == kSlots ? 0 : slot + 1;
            group += kRowWarps;
            look_up_block();
        }
        commit_copies();
    }
};

// What fits into kRowStreamBytes.
template <model::KvType kKv>
struct KeyRing {
    using Group = LoneGroup<kKv, kKv == model::KvType::f8 ? 32 : 16>;
    static constexpr int kSlots = kRowStreamBytes / kRowWarps / Group::kBytes;
};

// `Rows`: as attention_row.cuh says. Dynamic shared memory: kRowWarps rings.
template <typename Group, int kSlots, bool kCluster, typename Rows>
__device__ __forceinline__ void streamed_row_attention(const Rows& rows) {
    constexpr int kRingBytes = kSlots * Group::kBytes;
    static_assert(sizeof(WarpPart) <= kRingBytes && kRingBytes % 16 == 0, "a ring becomes a warp's part");
    if constexpr (kCluster) cluster_arrive();  // the block has started: others may store into it
    griddep_launch_dependents();
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    const int g = lane / 4, t = lane % 4;
    const RowPart own = RowPart::of_block<Group::kKeys>(rows);
    if (own.split >= own.kv_splits) {
        griddep_wait();  // or this kernel could be over before the one it depends on
        return;
    }
    const KvPool& pool = rows.pool;
    const int first = own.begin + warp, last_key = own.input.position;
    const std::uint32_t ring = shared_address(dynamic_shared()) + warp * kRingBytes;
    RowCopies<Group, kSlots> copies{
        pool.data + kv_tile_start(pool, rows.layer_of_pool, 0, false, own.kv_head) * Group::kElementBytes,
        rows.table + std::int64_t{own.input.slot} * rows.table_stride,
        pool.block_elements() * Group::kElementBytes,
        pool.kv_heads * pool.tile_elements() * Group::kElementBytes,
        ring,
        first,
        own.end,
        own.first_key,
        last_key};
    copies.look_up_block();
#pragma unroll 1
    for (int i = 0; i < kSlots; ++i) {
        // What earlier steps wrote can be read before the previous stage is over.
        if ((copies.group + 1) * Group::kKeys > own.input.first_new_position) griddep_wait();
        copies.send(lane);
    }
    griddep_wait();

    const int group_heads = rows.query_heads / rows.kv_heads;
    typename Group::Query query;  // scaled by 1 / sqrt(64), and for powers of two instead of e
    const int head = (own.kv_head * group_heads + min(g, group_heads - 1)) * kHeadSize;
    Group::make_query(query, g < group_heads ? 0.125F * kRowLog2E : 0.0F, [&](int step, int half) {
        return rows.query_pair(own.row, head + Group::query_dimension(t, step, half));
    });
    int slot = 0;
    const LoneSums sums = attend_groups<kSlots, Group>(ring, slot, first, own.end, kRowWarps, own.first_key,
                                                       last_key, query, copies);

    const auto part_of = [&](int which) -> WarpPart& {
        return *reinterpret_cast<WarpPart*>(dynamic_shared() + which * kRingBytes);
    };
    __syncwarp();  // the ring is empty
    WarpPart& part = part_of(warp);
#pragma unroll
    for (int j = 0; j < 8; ++j)
        *reinterpret_cast<float2*>(&part.values[g][Group::pair_dimension(t, j)]) = sums.pairs[j];
    if (t == 0) {
        part.largest[g] = sums.largest;
        part.weights[g] = sums.weights;
    }
    __syncthreads();
    finish_row<kCluster>(rows, own, part_of);
}

}  // namespace gptoss::backend::cuda

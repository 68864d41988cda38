// Attention of many lone rows with the bits that the prompt's kernels give them (attention_softmax.cuh): there are enough
// rows and key heads for every SM, so a warp goes through the keys of one alone, block after block as the rule wants it,
// and nothing of the scores is kept. Keys and values are copied ahead into a ring of the warp's own.
#pragma once

#include "backend/cuda/attention_lone_scores.cuh"

namespace gptoss::backend::cuda {

struct LoneWalkKernel {
    static constexpr int kWarps = 2, kThreads = kWarps * 32, kBlocksAnSm = 2;
    static constexpr int kSlots = 3;  // of a block of keys and its values
    static constexpr int kSlotBytes = 2 * kAttentionTileBytes;
    static constexpr int kRingBytes = kSlots * kSlotBytes;
    static constexpr int kSharedBytes = kWarps * kRingBytes;
};

// The copies of a warp's row and key head.
template <model::KvType type>
struct LoneWalkCopies {
    static constexpr int kElementBytes = type == model::KvType::f8 ? 1 : 2;
    const std::int32_t* table;  // from the first block on
    const std::byte* keys;      // of the key head, in block 0
    std::int64_t block_bytes, to_values;
    std::byte* ring;
    int blocks, next = 0, slot = 0;
    std::int32_t pool_block = 0;  // of `next`

    __device__ LoneWalkCopies(const PrefillAttention& a, const LonePlace& place, int kv_head, std::byte* to)
        : table(a.tables + std::int64_t{place.slot} * a.table_stride + place.first_block),
          keys(a.pool.data +
               (a.pool_layer * a.pool.layer_elements() + kv_head * a.pool.tile_elements()) * kElementBytes),
          block_bytes(a.pool.block_elements() * kElementBytes),
          to_values(a.pool.kv_heads * a.pool.tile_elements() * kElementBytes),
          ring(to),
          blocks(place.blocks) {
        look_up();
    }
    __device__ void look_up() {
        if (next < blocks) pool_block = __ldg(table + next);
    }
    // Sends for the next block, or for nothing when there is none.
    __device__ void send(int lane) {
        if (next < blocks) {
            const std::byte* from = keys + pool_block * block_bytes;
            std::byte* to = ring + slot * LoneWalkKernel::kSlotBytes;
            copy_attention_tile<type, 32>(shared_address(to), to, from, lane);
            copy_attention_tile<type, 32>(shared_address(to) + kAttentionTileBytes, to + kAttentionTileBytes,
                                          from + to_values, lane);
            slot = slot + 1 == LoneWalkKernel::kSlots ? 0 : slot + 1;
            ++next;
            look_up();
        }
        commit_copies();
    }
};

// What a warp has added up of a row and key head: of head lane / 4.
template <model::KvType type>
struct LoneWalkSums {
    float reference;
    float denominator[4] = {1, 1, 1, 1};  // the sink's weight
    float output[8][4] = {};              // of eight dimensions each

    // A block's scores, the largest of them, and its values.
    __device__ __forceinline__ void add(const float (&scores)[8][4], float top, std::uint32_t values) {
        // Powers of two grow with their exponents: none of the block's is larger than its largest score's.
        const bool rises = is_too_large<type>(pack_probabilities<type>(probability_of(top, reference), 0));
        if (__any_sync(kAllLanes, rises)) raise(rises ? fmaxf(reference, top * kScoreScale) : reference);
        std::uint32_t words[8];
#pragma unroll
        for (int n = 0; n < 8; ++n)
            words[n] = pack_probabilities<type>(probability_of(scores[n][0], reference),
                                                probability_of(scores[n][1], reference));
        const std::uint32_t ones = pack_probabilities<type>(1.0F, 1.0F);
        const int lane = threadIdx.x % 32;
#pragma unroll
        for (int half = 0; half < 2; ++half) {  // 32 keys each
            const std::uint32_t* own = words + 4 * half;
            const std::uint32_t p[2][4] = {{own[0], 0, own[1], 0}, {own[2], 0, own[3], 0}};
#pragma unroll
            for (int k = 0; k < 2; ++k) multiply_as<type>(denominator, p[k], ones, ones);
#pragma unroll
            for (int d = 0; d < 8; ++d) {
                std::uint32_t b[4];
                load_matrices_transposed(b, values + piece_offset(half * 32 + lane, d));
#pragma unroll
                for (int k = 0; k < 2; ++k) multiply_as<type>(output[d], p[k], b[2 * k], b[2 * k + 1]);
            }
        }
    }

  private:
    __device__ void raise(float now) {
        const float shrink = power_of_two(reference - now);
        reference = now;
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            denominator[i] *= shrink;
#pragma unroll
            for (int d = 0; d < 8; ++d) output[d][i] *= shrink;
        }
    }
};

template <model::KvType type>
__global__ void __launch_bounds__(LoneWalkKernel::kThreads, LoneWalkKernel::kBlocksAnSm)
    lone_walk_kernel(const __grid_constant__ PrefillAttention a, const __grid_constant__ LoneRowChain lone) {
    using Kernel = LoneWalkKernel;
    griddep_launch_dependents();
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, c = lane % 4;
    const int unit = static_cast<int>(blockIdx.x) * Kernel::kWarps + warp;
    const int group = a.query_heads / a.pool.kv_heads;
    if (unit >= lone.count * a.pool.kv_heads) {
        griddep_wait();  // or this kernel could be over before the one it depends on
        return;
    }
    const int number = unit / a.pool.kv_heads, kv_head = unit % a.pool.kv_heads;
    const LonePlace place = find_lone_place(a, lone, number, kv_head);
    std::byte* ring = dynamic_shared() + warp * Kernel::kRingBytes;
    LoneWalkCopies<type> copies(a, place, kv_head, ring);
    // What earlier steps wrote can be read before the previous stage is over: all blocks but the last.
    for (int i = 0; i < Kernel::kSlots; ++i) {
        if (copies.next + 1 >= place.blocks) griddep_wait();
        copies.send(lane);
    }
    griddep_wait();
    const LoneQueries queries(a, place.row, kv_head);
    LoneWalkSums<type> sums{a.sinks[kv_head * group + g % group] * kLog2e};
    int slot = 0;
    for (int block = 0; block < place.blocks; ++block) {
        wait_for_copies<Kernel::kSlots - 1>();
        __syncwarp();  // every lane's copies have landed
        const std::uint32_t keys = shared_address(ring) + slot * Kernel::kSlotBytes;
        slot = slot + 1 == Kernel::kSlots ? 0 : slot + 1;
        float scores[8][4] = {};
        const float top = make_lone_scores<type>(
            scores, queries, keys, place.position - (place.first_block + block) * kAttentionKeys, a.window);
        sums.add(scores, top, keys + kAttentionTileBytes);
        __syncwarp();  // all have read the block
        copies.send(lane);
    }
    if (g >= group) return;
    const float inverse = 1.0F / sums.denominator[0];
    __half* to = a.output + (std::int64_t{place.row} * a.query_heads + kv_head * group + g) * kHeadSize;
#pragma unroll
    for (int d = 0; d < 8; ++d)
        store_attention_pair(to, a.order, d * 8 + 2 * c, sums.output[d][0] * inverse,
                             sums.output[d][1] * inverse);
}

}  // namespace gptoss::backend::cuda

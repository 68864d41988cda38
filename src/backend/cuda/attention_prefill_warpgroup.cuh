// Prompt attention with wgmma (sm_90a). Three warpgroups of 64 query rows each; a fourth copies keys and
// values ahead. The values of a block are multiplied while the softmax of the next one is computed, and the
// three warpgroups fill each other's gaps: with a head of 64, exponentials take as long as the matrix
// products.
#pragma once

#include "backend/cuda/attention_prefill_tile.cuh"
#include "backend/cuda/gemm_wgmma.cuh"

namespace gptoss::backend::cuda {

struct WarpgroupAttention {
    static constexpr int kConsumers = 3;
    static constexpr int kThreads = (kConsumers + 1) * 128;
    static constexpr int kRows = kConsumers * 64;
    static constexpr int kStages = 8;
    static constexpr int kStageBytes = 2 * kAttentionTileBytes;  // keys, then values
    static constexpr int kSharedBytes = kStages * kStageBytes + 1024 + 2 * kStages * 8;
    static constexpr int kConsumerRegisters = 152, kProducerRegisters = 40;

    // Stage and barriers of the n-th block of keys, counted from 0.
    struct Shared {
        std::uint32_t stages, barriers;
        __device__ std::uint32_t keys(int block) const { return stages + block % kStages * kStageBytes; }
        __device__ std::uint32_t values(int block) const { return keys(block) + kAttentionTileBytes; }
        __device__ std::uint32_t full(int block) const { return barriers + block % kStages * 8; }
        __device__ std::uint32_t empty(int block) const { return barriers + (kStages + block % kStages) * 8; }
        __device__ static std::uint32_t phase(int block) { return block / kStages % 2; }
    };
};

// One lane's share of a warpgroup's 64 query rows: rows g and g + 8 of its warp's sixteen.
template <model::KvType type>
struct AttentionRows {
    static constexpr bool kIsBf16 = type == model::KvType::bf16;
    static constexpr float kLog2e = 1.4426950408889634F;
    static constexpr float kScale = 0.125F * kLog2e;  // 1 / sqrt(64), and exp2 in place of exp
    using Shared = WarpgroupAttention::Shared;

    std::uint32_t queries[4][4];
    std::uint32_t probabilities[4][4];
    float output[8][4] = {};
    int positions[2];  // relative to the first key of block 0
    float highest[2], sums[2];

    __device__ void multiply_keys(float (&scores)[8][4], std::uint32_t keys) {
        const std::uint64_t b = matrix_descriptor(keys);
        warpgroup_fence();
#pragma unroll
        for (int k = 0; k < 4; ++k)  // 16 columns are 32 bytes
            warpgroup_multiply_64<kIsBf16, false>(scores, queries[k], b + 2 * k, k > 0);
        warpgroup_commit();
    }

    __device__ void multiply_values(std::uint32_t values) {
        const std::uint64_t b = matrix_descriptor(values);
        warpgroup_fence();
#pragma unroll
        for (int k = 0; k < 4; ++k)  // 16 keys are 2048 bytes
            warpgroup_multiply_64<kIsBf16, true>(output, probabilities[k], b + 128 * k, true);
        warpgroup_commit();
    }

    // Scores of block `block` become probabilities and the sums are brought to the new maximum; outputs must
    // still be multiplied by `shrink`.
    __device__ void soften(float (&scores)[8][4], float (&shrink)[2], int block, int window) {
        const int c = threadIdx.x % 4;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int last_key = positions[half] - block * kAttentionKeys;
            const int first_key = window > 0 ? last_key - window + 1 : 0;
            if (last_key < kAttentionKeys - 1 || first_key > 0) {  // some keys of this block are not seen
#pragma unroll
                for (int n = 0; n < 8; ++n) {
#pragma unroll
                    for (int i = 0; i < 2; ++i) {
                        const int key = n * 8 + 2 * c + i;
                        if (key > last_key || key < first_key) scores[n][2 * half + i] = -INFINITY;
                    }
                }
            }
            float top = -INFINITY;
#pragma unroll
            for (int n = 0; n < 8; ++n) top = fmaxf(top, fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
            top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 1));
            top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
            const float now = fmaxf(highest[half], top * kScale);  // finite: the sink is
            shrink[half] = power_of_two(highest[half] - now);
            highest[half] = now;
            float sum = 0;
#pragma unroll
            for (int n = 0; n < 8; ++n) {
#pragma unroll
                for (int i = 0; i < 2; ++i) {
                    float& score = scores[n][2 * half + i];
                    score = power_of_two(fmaf(score, kScale, -now));
                    sum += score;
                }
            }
            sums[half] = sums[half] * shrink[half] + sum;
        }
    }

    __device__ void pack(const float (&scores)[8][4]) {
#pragma unroll
        for (int k = 0; k < 4; ++k)
#pragma unroll
            for (int i = 0; i < 4; ++i)
                probabilities[k][i] = pack_probabilities<type>(scores[2 * k + i / 2][i % 2 * 2],
                                                               scores[2 * k + i / 2][i % 2 * 2 + 1]);
    }

    __device__ void run(int blocks, int window, const Shared& shared) {
        float scores[8][4], shrink[2];
        barrier_wait(shared.full(0), 0);
        fence_async_proxy();
        multiply_keys(scores, shared.keys(0));
        warpgroup_wait<0>();
        fence_accumulators(scores);
        soften(scores, shrink, 0, window);
        pack(scores);
        for (int block = 0; block + 1 < blocks; ++block) {
            barrier_wait(shared.full(block + 1), shared.phase(block + 1));
            fence_async_proxy();
            multiply_keys(scores, shared.keys(block + 1));
            multiply_values(shared.values(block));
            warpgroup_wait<1>();
            fence_accumulators(scores);
            soften(scores, shrink, block + 1, window);
            warpgroup_wait<0>();
            fence_accumulators(output);
            if (threadIdx.x % 32 == 0) barrier_arrive(shared.empty(block));
#pragma unroll
            for (int n = 0; n < 8; ++n)
#pragma unroll
                for (int i = 0; i < 4; ++i) output[n][i] *= shrink[i / 2];
            pack(scores);
        }
        multiply_values(shared.values(blocks - 1));
        warpgroup_wait<0>();
        fence_accumulators(output);
    }
};

// The fourth warpgroup: copies one head's keys and values, block after block.
template <model::KvType type>
__device__ void produce_keys_and_values(const PrefillAttention& a, const AttentionPlace& place, int kv_head,
                                        const WarpgroupAttention::Shared& shared) {
    const std::int32_t* table =
        a.tables + std::int64_t{place.segment.slot} * a.table_stride + place.first_block;
    const std::byte* head =
        a.pool.data + (a.pool_layer * a.pool.layer_elements() + kv_head * a.pool.tile_elements()) * 2;
    const std::int64_t to_values = a.pool.kv_heads * a.pool.tile_elements() * 2;
    for (int block = 0; block <= place.last_block - place.first_block; ++block) {
        const std::byte* keys = head + table[block] * a.pool.block_elements() * 2;
        barrier_wait(shared.empty(block), shared.phase(block) ^ 1);
        copy_attention_tile<type, 128>(shared.keys(block), nullptr, keys, threadIdx.x % 128);
        copy_attention_tile<type, 128>(shared.values(block), nullptr, keys + to_values, threadIdx.x % 128);
        barrier_arrive_after_copies(shared.full(block));
    }
}

template <model::KvType type>
__device__ void consume_keys_and_values(const PrefillAttention& a, const AttentionPlace& place, int kv_head,
                                        const WarpgroupAttention::Shared& shared) {
    const int group = a.query_heads / a.pool.kv_heads;
    const int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, c = threadIdx.x % 4;
    AttentionRows<type> rows;
    // Query row r of the tile is head r % group of token r / group.
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int r = warp * 16 + half * 8 + g;
        const int token = min(r / group, place.token_count - 1);
        const int head = kv_head * group + r % group;
        rows.positions[half] =
            place.segment.first_position + place.first_token + token - place.first_block * kAttentionKeys;
        rows.highest[half] = a.sinks[head] * AttentionRows<type>::kLog2e;
        rows.sums[half] = c == 0 ? 1.0F : 0.0F;  // added up over the four lanes of a row at the end
        const std::int64_t row = place.segment.first_row + place.first_token + token;
        const auto* query =
            reinterpret_cast<const std::uint32_t*>(a.queries + (row * a.query_heads + head) * kHeadSize);
#pragma unroll
        for (int k = 0; k < 4; ++k) {
            rows.queries[k][half] = query[k * 8 + c];
            rows.queries[k][2 + half] = query[k * 8 + 4 + c];
        }
    }
    rows.run(place.last_block - place.first_block + 1, a.window, shared);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        float sum = rows.sums[half];
        sum += __shfl_xor_sync(kAllLanes, sum, 1);
        sum += __shfl_xor_sync(kAllLanes, sum, 2);
        const float inverse = 1.0F / sum;
        const int r = warp * 16 + half * 8 + g;
        if (r / group >= place.token_count) continue;
        const std::int64_t row = place.segment.first_row + place.first_token + r / group;
        __half* to = a.output + (row * a.query_heads + kv_head * group + r % group) * kHeadSize;
#pragma unroll
        for (int n = 0; n < 8; ++n)
            store_attention_pair(to, a.order, n * 8 + 2 * c, rows.output[n][2 * half] * inverse,
                                 rows.output[n][2 * half + 1] * inverse);
    }
}

template <model::KvType type>
__global__ void __launch_bounds__(WarpgroupAttention::kThreads, 1)
    warpgroup_attention_kernel(const __grid_constant__ PrefillAttention a) {
    if constexpr (kHasWgmma && type != model::KvType::f8) {
        using Kernel = WarpgroupAttention;
        griddep_launch_dependents();
        griddep_wait();
        extern __shared__ __align__(128) std::byte shared_memory[];
        Kernel::Shared shared;
        shared.stages = (shared_address(shared_memory) + 1023) / 1024 * 1024;
        shared.barriers = shared.stages + Kernel::kStages * Kernel::kStageBytes;
        const int group = a.query_heads / a.pool.kv_heads;
        const int kv_head = blockIdx.x % a.pool.kv_heads;
        // Later tiles of a long sequence see more keys: they start first.
        const AttentionPlace place =
            find_attention_place(a, (gridDim.x - 1 - blockIdx.x) / a.pool.kv_heads, Kernel::kRows / group);
        if (place.token_count == 0) return;
        if (threadIdx.x == 0) {
            for (int i = 0; i < Kernel::kStages; ++i) {
                barrier_init(shared.full(i), 128);
                barrier_init(shared.empty(i), Kernel::kConsumers * 4);
            }
        }
        __syncthreads();
        if (threadIdx.x >= Kernel::kConsumers * 128) {
            asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Kernel::kProducerRegisters));
            produce_keys_and_values<type>(a, place, kv_head, shared);
        } else {
            asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Kernel::kConsumerRegisters));
            consume_keys_and_values<type>(a, place, kv_head, shared);
        }
    }
}

}  // namespace gptoss::backend::cuda

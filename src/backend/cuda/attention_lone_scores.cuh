// Scores of a lone row's keys, in order (attention_lone_chain.cuh), and the largest of each block of keys.
#pragma once

#include "backend/cuda/attention_softmax.cuh"
#include "backend/cuda/kv_elements.cuh"

namespace gptoss::backend::cuda {

// A block of 64 keys against the heads of a group is kept as the matrix instruction leaves it, a lane's share after
// another's: head g, keys 8n + 2c + i at [n][i].
inline constexpr int kBlockScores = kAttentionKeys * kMaxGroupHeads;
static_assert(kBlockScores + kMaxGroupHeads == kLoneChainFloats);

// Which keys a row sees, and where its scores are kept.
struct LonePlace {
    int row, slot, position, first_block, blocks;
    float* scores;  // [block][kBlockScores]
    float* tops;    // [block][kMaxGroupHeads]: the largest score
};
__device__ __forceinline__ LonePlace find_lone_place(const PrefillAttention& a, const LoneRowChain& lone,
                                                     int place, int kv_head) {
    LonePlace found;
    found.row = lone.rows[place];
    const RowInput input = lone.inputs[found.row];
    found.slot = input.slot;
    found.position = input.position;
    found.first_block = a.window > 0 ? max(0, input.position - a.window + 1) / kAttentionKeys : 0;
    found.blocks = input.position / kAttentionKeys - found.first_block + 1;
    const std::int64_t first = (std::int64_t{place} * a.pool.kv_heads + kv_head) * lone.most_blocks;
    const std::int64_t all = std::int64_t{lone.count} * a.pool.kv_heads * lone.most_blocks;
    found.scores = lone.workspace + first * kBlockScores;
    found.tops = lone.workspace + all * kBlockScores + first * kMaxGroupHeads;
    return found;
}

template <model::KvType type>
__device__ __forceinline__ void multiply_as(float (&sum)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                            std::uint32_t b1) {
    if constexpr (type == model::KvType::bf16)
        MmaBf16::multiply_add(sum, a, b0, b1);
    else
        MmaF16::multiply_add(sum, a, b0, b1);
}

// A warp's queries: the heads of a group; rows 8 to 15 are nobody's.
struct LoneQueries {
    std::uint32_t words[4][4] = {};

    __device__ LoneQueries(const PrefillAttention& a, int row, int kv_head) {
        const int lane = threadIdx.x % 32, g = lane / 4, c = lane % 4,
                  group = a.query_heads / a.pool.kv_heads;
        const auto* query = reinterpret_cast<const std::uint32_t*>(
            a.queries + (std::int64_t{row} * a.query_heads + kv_head * group + g % group) * kHeadSize);
#pragma unroll
        for (int k = 0; k < 4; ++k) {
            words[k][0] = query[k * 8 + c];
            words[k][2] = query[k * 8 + 4 + c];
        }
    }
};

// Scores of a block of keys, by a warp, and the largest of head g. `last_key`: the last that the row sees, counted from
// the block's first.
template <model::KvType type>
__device__ __forceinline__ float make_lone_scores(float (&sums)[8][4], const LoneQueries& queries,
                                                  std::uint32_t keys, int last_key, int window) {
    const int lane = threadIdx.x % 32, c = lane % 4;
#pragma unroll
    for (int k = 0; k < 4; ++k)
#pragma unroll
        for (int n = 0; n < 4; ++n) {  // 16 keys
            std::uint32_t b[4];
            load_matrices(b, keys + piece_offset(n * 16 + lane / 16 * 8 + lane % 8, k * 2 + lane / 8 % 2));
            multiply_as<type>(sums[2 * n], queries.words[k], b[0], b[1]);
            multiply_as<type>(sums[2 * n + 1], queries.words[k], b[2], b[3]);
        }
    const int first_key = window > 0 ? last_key - window + 1 : 0;
    float top = -INFINITY;
#pragma unroll
    for (int n = 0; n < 8; ++n)
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            const int key = n * 8 + 2 * c + i;
            if (key > last_key || key < first_key) sums[n][i] = -INFINITY;
            top = fmaxf(top, sums[n][i]);
        }
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 1));
    return fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
}

// What a lane keeps of them: the first two of each four sums are of rows that somebody has.
__device__ __forceinline__ void keep_lone_scores(float4 (&quads)[4], const float (&sums)[8][4]) {
#pragma unroll
    for (int i = 0; i < 4; ++i)
        quads[i] = make_float4(sums[2 * i][0], sums[2 * i][1], sums[2 * i + 1][0], sums[2 * i + 1][1]);
}

struct LoneScoreKernel {
    static constexpr int kWarps = 4, kThreads = kWarps * 32;
};

template <model::KvType type>
__global__ void __launch_bounds__(LoneScoreKernel::kThreads)
    lone_scores_kernel(const __grid_constant__ PrefillAttention a,
                       const __grid_constant__ LoneRowChain lone) {
    __shared__ __align__(128) std::byte tiles[LoneScoreKernel::kWarps][kAttentionTileBytes];
    griddep_launch_dependents();
    griddep_wait();
    const int kv_head = blockIdx.y, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const LonePlace place = find_lone_place(a, lone, blockIdx.z, kv_head);
    const std::int32_t* table = a.tables + std::int64_t{place.slot} * a.table_stride + place.first_block;
    constexpr int kElementBytes = type == model::KvType::f8 ? 1 : 2;
    const std::byte* head =
        a.pool.data +
        (a.pool_layer * a.pool.layer_elements() + kv_head * a.pool.tile_elements()) * kElementBytes;

    const LoneQueries queries(a, place.row, kv_head);
    const std::uint32_t keys = shared_address(tiles[warp]);
    for (int block = static_cast<int>(blockIdx.x) * LoneScoreKernel::kWarps + warp; block < place.blocks;
         block += static_cast<int>(gridDim.x) * LoneScoreKernel::kWarps) {
        copy_attention_tile<type, 32>(keys, tiles[warp],
                                      head + table[block] * a.pool.block_elements() * kElementBytes, lane);
        commit_copies();
        wait_for_copies<0>();
        __syncwarp();
        float sums[8][4] = {};
        const float top = make_lone_scores<type>(
            sums, queries, keys, place.position - (place.first_block + block) * kAttentionKeys, a.window);
        __syncwarp();  // all have read the tile
        float4 quads[4];
        keep_lone_scores(quads, sums);
        auto* to = reinterpret_cast<float4*>(place.scores + std::int64_t{block} * kBlockScores);
#pragma unroll
        for (int i = 0; i < 4; ++i) to[i * 32 + lane] = quads[i];
        if (lane % 4 == 0) place.tops[std::int64_t{block} * kMaxGroupHeads + lane / 4] = top;
    }
}

}  // namespace gptoss::backend::cuda

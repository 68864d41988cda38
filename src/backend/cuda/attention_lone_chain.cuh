// Attention of lone rows with the bits that the prompt's kernels give them (docs/numerics.md). Those go through the keys
// block by block, with a maximum that grows; but what a block is weighted with is known as soon as the maxima of all
// blocks before it are, and maxima are exact in any order. So first all scores, by as many SMs as there are; then one
// block of threads a key head and half of the dimensions adds up the values in order, while its other warps weight the
// next blocks.
#pragma once

#include "backend/cuda/attention_prefill_tile.cuh"
#include "backend/cuda/kv_elements.cuh"

namespace gptoss::backend::cuda {

inline constexpr float kLog2e = 1.4426950408889634F;
inline constexpr float kScoreScale = 0.125F * kLog2e;  // 1 / sqrt(64), and exp2 in place of exp

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
    const int kv_head = blockIdx.y, warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4,
              c = lane % 4;
    const int group = a.query_heads / a.pool.kv_heads;
    const LonePlace place = find_lone_place(a, lone, blockIdx.z, kv_head);
    const std::int32_t* table = a.tables + std::int64_t{place.slot} * a.table_stride + place.first_block;
    constexpr int kElementBytes = type == model::KvType::f8 ? 1 : 2;
    const std::byte* head =
        a.pool.data +
        (a.pool_layer * a.pool.layer_elements() + kv_head * a.pool.tile_elements()) * kElementBytes;

    std::uint32_t queries[4][4] = {};  // rows 8 to 15 are nobody's
    const auto* query = reinterpret_cast<const std::uint32_t*>(
        a.queries + (std::int64_t{place.row} * a.query_heads + kv_head * group + g % group) * kHeadSize);
#pragma unroll
    for (int k = 0; k < 4; ++k) {
        queries[k][0] = query[k * 8 + c];
        queries[k][2] = query[k * 8 + 4 + c];
    }
    const std::uint32_t keys = shared_address(tiles[warp]);
    for (int block = static_cast<int>(blockIdx.x) * LoneScoreKernel::kWarps + warp; block < place.blocks;
         block += static_cast<int>(gridDim.x) * LoneScoreKernel::kWarps) {
        copy_attention_tile<type, 32>(keys, tiles[warp],
                                      head + table[block] * a.pool.block_elements() * kElementBytes, lane);
        commit_copies();
        wait_for_copies<0>();
        __syncwarp();
        float sums[8][4] = {};
#pragma unroll
        for (int k = 0; k < 4; ++k)
#pragma unroll
            for (int n = 0; n < 4; ++n) {  // 16 keys
                std::uint32_t b[4];
                load_matrices(b,
                              keys + piece_offset(n * 16 + lane / 16 * 8 + lane % 8, k * 2 + lane / 8 % 2));
                multiply_as<type>(sums[2 * n], queries[k], b[0], b[1]);
                multiply_as<type>(sums[2 * n + 1], queries[k], b[2], b[3]);
            }
        __syncwarp();  // all have read the tile
        const int last_key = place.position - (place.first_block + block) * kAttentionKeys;
        const int first_key = a.window > 0 ? last_key - a.window + 1 : 0;
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
        top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
        auto* to = reinterpret_cast<float4*>(place.scores + std::int64_t{block} * kBlockScores);
#pragma unroll
        for (int i = 0; i < 4; ++i)
            to[i * 32 + lane] =
                make_float4(sums[2 * i][0], sums[2 * i][1], sums[2 * i + 1][0], sums[2 * i + 1][1]);
        if (c == 0) place.tops[std::int64_t{block} * kMaxGroupHeads + g] = top;
    }
}

struct LoneChainKernel {
    static constexpr int kRound = 8;   // blocks of keys between barriers
    static constexpr int kAdders = 4;  // the first warps; the others weight a block of a round each
    static constexpr int kThreads = (kAdders + kRound) * 32;
    static constexpr int kDimensions = kAdders * 8;    // of a block of threads: half a head
    static constexpr int kRowBytes = kDimensions * 2;  // of a key's values
    struct Block {
        std::byte values[kAttentionKeys * kRowBytes];
        uint4 probabilities[2][32];  // a lane's A operands of rows 0 to 7: two words for each of four steps
        float sums[32];              // of a lane's probabilities, before they are rounded
        float shrink[kMaxGroupHeads];
    };
    static constexpr int kSharedBytes = 2 * kRound * static_cast<int>(sizeof(Block));

    // Rows of 64 bytes, the index of a 16-byte piece XORed with half the row: no bank conflicts.
    __device__ static int piece_offset(int row, int piece) {
        return row * kRowBytes + ((piece ^ (row / 2 & 3)) << 4);
    }
};
static_assert(sizeof(LoneChainKernel::Block) % 16 == 0);

// Half of the dimensions of one block's values, as 16-bit numbers, by a warp.
template <model::KvType type>
__device__ __forceinline__ void copy_half_values(LoneChainKernel::Block& to, const std::byte* values,
                                                 int half) {
    const int lane = threadIdx.x % 32;
    if constexpr (type == model::KvType::f8) {
#pragma unroll
        for (int i = lane; i < kAttentionKeys * 2; i += 32) {
            const int row = i / 2, pair = i % 2;
            const uint4 packed =
                *reinterpret_cast<const uint4*>(values + row * kHeadSize + half * 32 + pair * 16);
            const uint2 words[4] = {unpack_e4m3(packed.x), unpack_e4m3(packed.y), unpack_e4m3(packed.z),
                                    unpack_e4m3(packed.w)};
#pragma unroll
            for (int p = 0; p < 2; ++p)
                *reinterpret_cast<uint4*>(to.values + LoneChainKernel::piece_offset(row, pair * 2 + p)) =
                    make_uint4(words[2 * p].x, words[2 * p].y, words[2 * p + 1].x, words[2 * p + 1].y);
        }
    } else {
        const std::uint32_t start = shared_address(to.values);
#pragma unroll
        for (int i = lane; i < kAttentionKeys * 4; i += 32) {
            const int row = i / 4, piece = i % 4;
            copy_16_bytes_async(start + LoneChainKernel::piece_offset(row, piece),
                                values + row * kHeadSize * 2 + half * LoneChainKernel::kRowBytes + piece * 16,
                                true);
        }
    }
}

// A thread's part of the chain: of a row, a key head and half of the dimensions.
template <model::KvType type>
struct LoneChain {
    using Kernel = LoneChainKernel;
    static constexpr int kElementBytes = type == model::KvType::f8 ? 1 : 2;

    LonePlace place;
    const std::int32_t* table;
    const std::byte* values;  // of the key head, in block 0
    std::int64_t block_bytes;
    int half, warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, c = lane % 4;
    Kernel::Block* blocks = reinterpret_cast<Kernel::Block*>(dynamic_shared());
    float highest;               // of what comes before the round that is weighted next
    float tops[Kernel::kRound];  // of that round
    float4 quads[4];             // of the warp's block of it
    std::int32_t pool_block = 0;
    float total = c == 0 ? 1.0F : 0.0F;  // the sink's
    float output[4] = {};

    __device__ LoneChain(const PrefillAttention& a, const LoneRowChain& lone, int number, int kv_head,
                         int half_)
        : place(find_lone_place(a, lone, number, kv_head)), half(half_) {
        const int group = a.query_heads / a.pool.kv_heads;
        table = a.tables + std::int64_t{place.slot} * a.table_stride + place.first_block;
        values = a.pool.data + (a.pool_layer * a.pool.layer_elements() +
                                (a.pool.kv_heads + kv_head) * a.pool.tile_elements()) *
                                   kElementBytes;
        block_bytes = a.pool.block_elements() * kElementBytes;
        highest = a.sinks[kv_head * group + g % group] * kLog2e;
    }

    // Asks for what the warp will want to weight its block of a round; so early that it is there by then.
    __device__ void load_ahead(int round, int one) {
#pragma unroll
        for (int j = 0; j < Kernel::kRound; ++j) {
            const int block = round * Kernel::kRound + j;
            tops[j] = block < place.blocks ? place.tops[std::int64_t{block} * kMaxGroupHeads + g] : -INFINITY;
        }
        const int block = round * Kernel::kRound + one;
        if (block >= place.blocks) return;
        const auto* from = reinterpret_cast<const float4*>(place.scores + std::int64_t{block} * kBlockScores);
#pragma unroll
        for (int i = 0; i < 4; ++i) quads[i] = from[i * 32 + lane];
        pool_block = table[block];
    }

    // Block `one` of a round: its values are copied, its scores become probabilities.
    __device__ void weight(int round, int one) {
        Kernel::Block& to = blocks[round % 2 * Kernel::kRound + one];
        const bool exists = round * Kernel::kRound + one < place.blocks;
        if (exists) copy_half_values<type>(to, values + pool_block * block_bytes, half);
        commit_copies();
        float before = highest, top = -INFINITY;
#pragma unroll
        for (int j = 0; j < Kernel::kRound; ++j) {
            before = j < one ? fmaxf(before, tops[j] * kScoreScale) : before;
            top = j == one ? tops[j] : top;
            highest = fmaxf(highest, tops[j] * kScoreScale);
        }
        const float now = fmaxf(before, top * kScoreScale);
        if (exists) {
            soften(to, now);
            if (c == 0) to.shrink[g] = power_of_two(before - now);
        }
        load_ahead(round + 1, one);
        wait_for_copies<0>();
    }

    // As the prompt's kernels do it (AttentionRows::soften): the same bits.
    __device__ void soften(Kernel::Block& to, float now) {
        float sum = 0;
        std::uint32_t words[8];
#pragma unroll
        for (int n = 0; n < 8; ++n) {
            const float4 quad = quads[n / 2];
            float pair[2] = {n % 2 == 0 ? quad.x : quad.z, n % 2 == 0 ? quad.y : quad.w};
#pragma unroll
            for (float& score : pair) {
                score = power_of_two(fmaf(score, kScoreScale, -now));
                sum += score;
            }
            words[n] = pack_probabilities<type>(pair[0], pair[1]);
        }
        to.probabilities[0][lane] = make_uint4(words[0], words[1], words[2], words[3]);
        to.probabilities[1][lane] = make_uint4(words[4], words[5], words[6], words[7]);
        to.sums[lane] = sum;
    }

    // The blocks of a round go on with the chain, eight dimensions a warp. A whole round has no branches: the loads of
    // the next block are then under way while one is added.
    __device__ void add(int round) {
        const int count = place.blocks - round * Kernel::kRound;
        if (count >= Kernel::kRound)
            add<true>(round, Kernel::kRound);
        else
            add<false>(round, count);
    }
    template <bool whole>
    __device__ void add(int round, int count) {
#pragma unroll
        for (int one = 0; one < Kernel::kRound; ++one) {
            if (!whole && one >= count) break;
            const Kernel::Block& from = blocks[round % 2 * Kernel::kRound + one];
            const float shrink = from.shrink[g];
            const uint4 low = from.probabilities[0][lane], high = from.probabilities[1][lane];
            const std::uint32_t words[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
            total = total * shrink + from.sums[lane];
            output[0] *= shrink;
            output[1] *= shrink;
#pragma unroll
            for (int keys = 0; keys < 2; ++keys) {  // 32 each
                std::uint32_t b[4];
                load_matrices_transposed(
                    b, shared_address(from.values) + Kernel::piece_offset(keys * 32 + lane, warp));
#pragma unroll
                for (int k = 0; k < 2; ++k) {
                    const std::uint32_t p[4] = {words[4 * keys + 2 * k], 0, words[4 * keys + 2 * k + 1], 0};
                    multiply_as<type>(output, p, b[2 * k], b[2 * k + 1]);
                }
            }
        }
    }
};

template <model::KvType type>
__global__ void __launch_bounds__(LoneChainKernel::kThreads)
    lone_chain_kernel(const __grid_constant__ PrefillAttention a, const __grid_constant__ LoneRowChain lone) {
    using Kernel = LoneChainKernel;
    griddep_launch_dependents();
    griddep_wait();
    const int half = blockIdx.x, kv_head = blockIdx.y, group = a.query_heads / a.pool.kv_heads;
    LoneChain<type> chain(a, lone, blockIdx.z, kv_head, half);
    const int rounds = (chain.place.blocks + Kernel::kRound - 1) / Kernel::kRound;
    const int own = chain.warp - Kernel::kAdders;  // of a round's blocks, where it weights
    if (own >= 0) {
        chain.load_ahead(0, own);
        chain.weight(0, own);
    }
    __syncthreads();
    for (int round = 0; round < rounds; ++round) {
        if (chain.warp < Kernel::kAdders)
            chain.add(round);
        else if (round + 1 < rounds)
            chain.weight(round + 1, own);
        __syncthreads();
    }
    if (chain.warp >= Kernel::kAdders || chain.g >= group) return;
    const unsigned lanes = 0xFU << (chain.lane & ~3);
    float total = chain.total;
    total += __shfl_xor_sync(lanes, total, 1);
    total += __shfl_xor_sync(lanes, total, 2);
    const float inverse = 1.0F / total;
    __half* to =
        a.output + (std::int64_t{chain.place.row} * a.query_heads + kv_head * group + chain.g) * kHeadSize;
    store_attention_pair(to, a.order, half * Kernel::kDimensions + chain.warp * 8 + 2 * chain.c,
                         chain.output[0] * inverse, chain.output[1] * inverse);
}

}  // namespace gptoss::backend::cuda

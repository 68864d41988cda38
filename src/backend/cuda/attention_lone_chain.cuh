// Attention of lone rows with the bits that the prompt's kernels give them (attention_softmax.cuh). Those go through the
// keys block by block, with a reference that is raised now and then; but what a block is weighted with is known as soon as
// the maxima of all blocks before it are, and maxima are exact in any order. So first all scores, by as many SMs as there are; then one
// block of threads a key head and half of the dimensions adds up the values in order, while its other warps weight the
// next blocks. Of few rows and few keys these warps make the scores too: one launch less a layer.
#pragma once

#include "backend/cuda/attention_lone_scores.cuh"

namespace gptoss::backend::cuda {

struct LoneChainKernel {
    static constexpr int kRound = 8;   // blocks of keys between barriers
    static constexpr int kAdders = 4;  // the first warps; the others weight a block of a round each
    static constexpr int kThreads = (kAdders + kRound) * 32;
    static constexpr int kDimensions = kAdders * 8;    // of a block of threads: half a head
    static constexpr int kRowBytes = kDimensions * 2;  // of a key's values
    struct Block {
        std::byte values[kAttentionKeys * kRowBytes];
        uint4 probabilities[2][32];  // a lane's A operands of rows 0 to 7: two words for each of four steps
        float shrink[kMaxGroupHeads];
    };
    static constexpr int kSharedBytes = 2 * kRound * static_cast<int>(sizeof(Block));
    // Where the warps that weight make the scores too: a tile of keys each, and the largest scores of two rounds.
    struct Scores {
        std::byte keys[kRound][kAttentionTileBytes];
        float tops[2][kRound][kMaxGroupHeads];
    };
    static constexpr int kSharedBytesWithScores = kSharedBytes + static_cast<int>(sizeof(Scores));

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
template <model::KvType type, bool makes_scores>
struct LoneChain {
    using Kernel = LoneChainKernel;
    static constexpr int kElementBytes = type == model::KvType::f8 ? 1 : 2;

    LonePlace place;
    const std::int32_t* table;
    const std::byte* values;  // of the key head, in block 0
    std::int64_t block_bytes;
    int half, warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, c = lane % 4;
    Kernel::Block* blocks = reinterpret_cast<Kernel::Block*>(dynamic_shared());
    Kernel::Scores* made = reinterpret_cast<Kernel::Scores*>(blocks + 2 * Kernel::kRound);
    const std::byte* keys;  // of the key head, in block 0
    int window;
    float reference;             // when the round begins that is weighted next
    float tops[Kernel::kRound];  // of that round
    float4 quads[4];             // of the warp's block of it
    std::int32_t pool_block = 0;
    float denominator[4] = {1, 1, 1, 1};  // the sink's weight
    float output[4] = {};

    __device__ LoneChain(const PrefillAttention& a, const LoneRowChain& lone, int number, int kv_head,
                         int half_)
        : place(find_lone_place(a, lone, number, kv_head)), half(half_) {
        const int group = a.query_heads / a.pool.kv_heads;
        table = a.tables + std::int64_t{place.slot} * a.table_stride + place.first_block;
        keys = a.pool.data +
               (a.pool_layer * a.pool.layer_elements() + kv_head * a.pool.tile_elements()) * kElementBytes;
        values = keys + a.pool.kv_heads * a.pool.tile_elements() * kElementBytes;
        window = a.window;
        block_bytes = a.pool.block_elements() * kElementBytes;
        reference = a.sinks[kv_head * group + g % group] * kLog2e;
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

    // Instead, where scores are made here: asks for the keys.
    __device__ void load_keys(int round, int one) {
        const int block = round * Kernel::kRound + one;
        if (block < place.blocks) {
            pool_block = table[block];
            copy_attention_tile<type, 32>(shared_address(made->keys[one]), made->keys[one],
                                          keys + pool_block * block_bytes, lane);
        }
        commit_copies();
    }
    // Takes the keys asked for, asks for the next ones; the warps that weight tell each other their largest scores.
    __device__ void make_scores(int round, int one, const LoneQueries& queries) {
        const int block = round * Kernel::kRound + one;
        float sums[8][4] = {}, top = -INFINITY;
        wait_for_copies<1>();  // but for the values
        __syncwarp();
        if (block < place.blocks)
            top =
                make_lone_scores<type>(sums, queries, shared_address(made->keys[one]),
                                       place.position - (place.first_block + block) * kAttentionKeys, window);
        __syncwarp();  // all have read the tile
        keep_lone_scores(quads, sums);
        load_keys(round + 1, one);
        if (c == 0) made->tops[round % 2][one][g] = top;
        named_barrier<1, Kernel::kRound * 32>();
#pragma unroll
        for (int j = 0; j < Kernel::kRound; ++j) tops[j] = made->tops[round % 2][j][g];
    }

    // Block `one` of a round: its values are copied, its scores become probabilities.
    __device__ void weight(int round, int one, const LoneQueries& queries) {
        Kernel::Block& to = blocks[round % 2 * Kernel::kRound + one];
        const bool exists = round * Kernel::kRound + one < place.blocks;
        if (exists) copy_half_values<type>(to, values + pool_block * block_bytes, half);
        commit_copies();
        if constexpr (makes_scores) make_scores(round, one, queries);
        const float2 own = references(one);
        if (exists) {
            soften(to, own.y);
            if (c == 0) to.shrink[g] = power_of_two(own.x - own.y);
        }
        if constexpr (makes_scores) {
            wait_for_copies<1>();  // but for the next keys
        } else {
            load_ahead(round + 1, one);
            wait_for_copies<0>();
        }
    }

    // The reference before block `one` of the round and while it is weighted; `reference` becomes the next round's.
    __device__ float2 references(int one) {
        float2 own{reference, reference};
        float top = tops[0];
#pragma unroll
        for (int j = 1; j < Kernel::kRound; ++j) top = fmaxf(top, tops[j]);
        constexpr float kSurelySmall = 13.0F;  // 2^13 is not rounded to 2^14
        if (!__any_sync(kAllLanes, !(fmaf(top, kScoreScale, -reference) < kSurelySmall))) return own;
#pragma unroll
        for (int j = 0; j < Kernel::kRound; ++j) {
            if (j == one) own.x = reference;
            // Powers of two grow with their exponents: none of the block's is larger than its largest score's.
            if (is_too_large<type>(pack_probabilities<type>(probability_of(tops[j], reference), 0)))
                reference = fmaxf(reference, tops[j] * kScoreScale);
            if (j == one) own.y = reference;
        }
        return own;
    }

    __device__ void soften(Kernel::Block& to, float now) {
        std::uint32_t words[8];
#pragma unroll
        for (int n = 0; n < 8; ++n) {
            const float4 quad = quads[n / 2];
            words[n] = pack_probabilities<type>(probability_of(n % 2 == 0 ? quad.x : quad.z, now),
                                                probability_of(n % 2 == 0 ? quad.y : quad.w, now));
        }
        to.probabilities[0][lane] = make_uint4(words[0], words[1], words[2], words[3]);
        to.probabilities[1][lane] = make_uint4(words[4], words[5], words[6], words[7]);
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
            const std::uint32_t ones = pack_probabilities<type>(1.0F, 1.0F);
#pragma unroll
            for (int i = 0; i < 2; ++i) output[i] *= shrink, denominator[i] *= shrink;
#pragma unroll
            for (int keys = 0; keys < 2; ++keys) {  // 32 each
                std::uint32_t b[4];
                load_matrices_transposed(
                    b, shared_address(from.values) + Kernel::piece_offset(keys * 32 + lane, warp));
#pragma unroll
                for (int k = 0; k < 2; ++k) {
                    const std::uint32_t p[4] = {words[4 * keys + 2 * k], 0, words[4 * keys + 2 * k + 1], 0};
                    multiply_as<type>(output, p, b[2 * k], b[2 * k + 1]);
                    multiply_as<type>(denominator, p, ones, ones);
                }
            }
        }
    }
};

template <model::KvType type, bool makes_scores>
__global__ void __launch_bounds__(LoneChainKernel::kThreads)
    lone_chain_kernel(const __grid_constant__ PrefillAttention a, const __grid_constant__ LoneRowChain lone) {
    using Kernel = LoneChainKernel;
    griddep_launch_dependents();
    griddep_wait();
    const int half = blockIdx.x, kv_head = blockIdx.y, group = a.query_heads / a.pool.kv_heads;
    LoneChain<type, makes_scores> chain(a, lone, blockIdx.z, kv_head, half);
    const LoneQueries queries(a, chain.place.row, kv_head);  // unused where scores are made before
    const int rounds = (chain.place.blocks + Kernel::kRound - 1) / Kernel::kRound;
    const int own = chain.warp - Kernel::kAdders;  // of a round's blocks, where it weights
    if (own >= 0) {
        makes_scores ? chain.load_keys(0, own) : chain.load_ahead(0, own);
        chain.weight(0, own, queries);
    }
    __syncthreads();
    for (int round = 0; round < rounds; ++round) {
        if (chain.warp < Kernel::kAdders)
            chain.add(round);
        else if (round + 1 < rounds)
            chain.weight(round + 1, own, queries);
        __syncthreads();
    }
    if (chain.warp >= Kernel::kAdders || chain.g >= group) return;
    const float inverse = 1.0F / chain.denominator[0];
    __half* to =
        a.output + (std::int64_t{chain.place.row} * a.query_heads + kv_head * group + chain.g) * kHeadSize;
    store_attention_pair(to, a.order, half * Kernel::kDimensions + chain.warp * 8 + 2 * chain.c,
                         chain.output[0] * inverse, chain.output[1] * inverse);
}

}  // namespace gptoss::backend::cuda

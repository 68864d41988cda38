// Prompt attention with wgmma (sm_90a). Three warpgroups of 64 query rows each; a fourth copies queries, keys and
// values ahead, also from one piece of work to the next: a block of threads stays and takes one after another. The
// values of a block are multiplied while the softmax of the next one is computed, and the three warpgroups fill each
// other's gaps.
#pragma once

#include <cuda.h>

#include "backend/cuda/attention_row_tile.cuh"

namespace gptoss::backend::cuda {

struct WarpgroupAttention {
    static constexpr int kConsumers = 3;
    static constexpr int kConsumerThreads = kConsumers * 128, kThreads = kConsumerThreads + 128;
    static constexpr int kConsumerWarps = kConsumerThreads / 32;
    static constexpr int kRows = kConsumers * 64;
    static constexpr int kStages = 8;                            // of the ring of keys and values
    static constexpr int kStageBytes = 2 * kAttentionTileBytes;  // keys, then values
    static constexpr int kQueryBytes = kRows * kHeadSize * 2;
    static constexpr int kBarriers = 2 * kStages + 4;
    static constexpr int kSharedBytes =
        1024 + kStages * kStageBytes + kAttentionTileBytes + 2 * kQueryBytes + kBarriers * 8;
    static constexpr int kConsumerRegisters = 160, kProducerRegisters = 32;

    // Shared memory: the ring, a tile of ones, the queries of this piece of work and the next (the outputs take
    // their place before they leave), barriers.
    struct Shared {
        std::uint32_t start;  // a multiple of 1024
        std::byte* pointer;   // to the same
        __device__ std::uint32_t keys(int stage) const { return start + stage * kStageBytes; }
        __device__ std::uint32_t values(int stage) const { return keys(stage) + kAttentionTileBytes; }
        __device__ std::uint32_t ones() const { return keys(kStages); }
        __device__ std::uint32_t queries(int piece) const {
            return ones() + kAttentionTileBytes + piece % 2 * kQueryBytes;
        }
        __device__ std::uint32_t barrier(int i) const {
            return ones() + kAttentionTileBytes + 2 * kQueryBytes + i * 8;
        }
        __device__ std::uint32_t full(int stage) const { return barrier(stage); }
        __device__ std::uint32_t empty(int stage) const { return barrier(kStages + stage); }
        __device__ std::uint32_t queries_full(int piece) const { return barrier(2 * kStages + piece % 2); }
        __device__ std::uint32_t queries_empty(int piece) const {
            return barrier(2 * kStages + 2 + piece % 2);
        }
        __device__ static std::uint32_t queries_phase(int piece) { return piece / 2 % 2; }
        __device__ std::byte* at(std::uint32_t address) const { return pointer + (address - start); }
    };

    // Where a thread is in the ring.
    struct Turn {
        int stage = 0;
        std::uint32_t phase = 0;
        __device__ Turn next() const {
            return stage + 1 < kStages ? Turn{stage + 1, phase} : Turn{0, phase ^ 1};
        }
    };
};

// Calls work(place, kv head, n-th) for each piece of this block's. Pieces are dealt out to and fro: later ones of a
// long sequence see more keys, and come first.
template <typename Work>
__device__ __forceinline__ void for_each_piece(const PrefillAttention& a, int pieces, Work&& work) {
    const int kv_heads = a.pool.kv_heads;
    const int tokens = WarpgroupAttention::kRows / (a.query_heads / kv_heads);
    int count = 0;
    for (int round = 0;; ++round) {
        const int blocks = gridDim.x;
        const int piece = round * blocks + (round % 2 == 0 ? blockIdx.x : blocks - 1 - blockIdx.x);
        if (round * blocks >= pieces) return;
        if (piece >= pieces) continue;
        const AttentionPlace place = find_attention_place(a, (pieces - 1 - piece) / kv_heads, tokens);
        if (place.token_count > 0) work(place, piece % kv_heads, count++);
    }
}

// The last four warps: all copy queries, one thread of the first keys and values.
template <model::KvType type>
__device__ void produce_keys_and_values(const PrefillAttention& a, const CUtensorMap& tiles, int pieces,
                                        const WarpgroupAttention::Shared& shared) {
    using Kernel = WarpgroupAttention;
    const int group = a.query_heads / a.pool.kv_heads, kv_heads = a.pool.kv_heads;
    const int group_bits = __ffs(group) - 1;
    const int thread = threadIdx.x % 128, lane = threadIdx.x % 32;
    Kernel::Turn turn;
    for_each_piece(a, pieces, [&](const AttentionPlace& place, int kv_head, int piece) {
        const PrefillSegment& segment = place.segment;
        barrier_wait(shared.queries_empty(piece), shared.queries_phase(piece) ^ 1);
        const std::uint16_t* queries =
            a.queries +
            (std::int64_t{segment.first_row + place.first_token} * a.query_heads + kv_head * group) *
                kHeadSize;
#pragma unroll 2
        for (int i = thread; i < Kernel::kRows * 8; i += 128) {  // row r: head r % group of token r / group
            const int r = i / 8, token = min(r >> group_bits, place.token_count - 1);
            copy_16_bytes_async_line(
                shared.queries(piece) + piece_offset(r, i % 8),
                queries + (token * a.query_heads + (r & (group - 1))) * kHeadSize + i % 8 * 8);
        }
        barrier_arrive_after_copies(shared.queries_full(piece));
        if (thread >= 32) return;
        const std::int32_t* table =
            a.tables + std::int64_t{segment.slot} * a.table_stride + place.first_block;
        const int blocks = place.last_block - place.first_block + 1;
        int entries = 0;  // 32 of the table, one a lane
        for (int block = 0; block < blocks; ++block) {
            if (block % 32 == 0) entries = block + lane < blocks ? table[block + lane] : 0;
            const int entry = a.pool_layer * a.pool.blocks + __shfl_sync(kAllLanes, entries, block % 32);
            if (lane == 0) {
                const int row = (entry * 2 * kv_heads + kv_head) * kAttentionKeys;
                barrier_wait(shared.empty(turn.stage), turn.phase ^ 1);
                barrier_arrive_expecting(shared.full(turn.stage), Kernel::kStageBytes);
                copy_box_async(shared.keys(turn.stage), tiles, 0, row, shared.full(turn.stage));
                copy_box_async(shared.values(turn.stage), tiles, 0, row + kv_heads * kAttentionKeys,
                               shared.full(turn.stage));
            }
            __syncwarp();
            turn = turn.next();
        }
    });
}

// A warpgroup's rows.
template <model::KvType type>
struct AttentionRows {
    using Kernel = WarpgroupAttention;
    using Tile = AttentionRowTile<type>;
    Tile tile;
    int seen_from, seen_to;  // blocks that at least one of the rows sees

    // The 64 rows from `row` of the piece on.
    __device__ void begin(int row, const PrefillAttention& a, const AttentionPlace& place, int kv_head,
                          std::uint32_t queries) {
        const int group = a.query_heads / a.pool.kv_heads, group_bits = __ffs(group) - 1;
        const int origin =  // the position of the piece's first token, from the first key of block 0
            place.segment.first_position + place.first_token - place.first_block * kAttentionKeys;
        const auto position_of = [&](int r) { return origin + min(r >> group_bits, place.token_count - 1); };
        const auto first_key_of = [&](int r) {
            return a.window > 0 ? max(0, position_of(r) - a.window + 1) : 0;
        };
        const int last_row = row + Tile::kRows - 1;
        seen_from = first_key_of(row) / kAttentionKeys;
        seen_to = position_of(last_row) / kAttentionKeys + 1;
        tile.masked_from = (position_of(row) + 1) / kAttentionKeys;
        tile.unmasked_from = (first_key_of(last_row) + kAttentionKeys - 1) / kAttentionKeys;
        const int lane = threadIdx.x % 32, own_row = row + threadIdx.x % 128 / 32 * 16;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int r = own_row + half * 8 + lane / 4;
            tile.positions[half] = position_of(r);
            tile.reference[half] =
                a.sinks[kv_head * group + (r & (group - 1))] * kLog2e;  // the sink's weight: one
        }
#pragma unroll
        for (int k = 0; k < 4; ++k)
            load_matrices(tile.queries[k], queries + piece_offset(own_row + lane % 16, k * 2 + lane / 16));
#pragma unroll
        for (int n = 0; n < 9; ++n)
#pragma unroll
            for (int i = 0; i < 4; ++i) tile.output[n][i] = n < 8 ? 0.0F : 1.0F;
    }

    // All blocks of the piece, from stage `turn` of the ring on.
    __device__ void run(int blocks, int window, const Kernel::Shared& shared, Kernel::Turn& turn) {
        typename Tile::Probabilities even, odd;
        let_pass(seen_from, shared, turn);
        barrier_wait(shared.full(turn.stage), turn.phase);
        warpgroup_fence();
        tile.multiply_keys(keys_of(shared, turn));
        warpgroup_wait<0>();
        if (tile.soften(even, seen_from, window)) tile.rescale();
        int block = seen_from;
        for (; block + 2 < seen_to; block += 2) {
            step(even, odd, block, window, shared, turn);
            step(odd, even, block + 1, window, shared, turn);
        }
        if (block + 1 < seen_to) {
            step(even, odd, block, window, shared, turn);
            finish(odd, shared, turn);
        } else {
            finish(even, shared, turn);
        }
        let_pass(blocks - seen_to, shared, turn);
    }

    // Blocks that this warpgroup's rows do not see.
    __device__ static void let_pass(int blocks, const Kernel::Shared& shared, Kernel::Turn& turn) {
        for (int i = 0; i < blocks; ++i, turn = turn.next()) {
            barrier_wait(shared.full(turn.stage), turn.phase);
            if (threadIdx.x % 32 == 0) barrier_arrive(shared.empty(turn.stage));
        }
    }

    // In `sequential` order a lane has 16 bytes of a row that belong together; otherwise rows of 128 bytes take the
    // queries' place, to leave in such pieces.
    __device__ void end(int row, const PrefillAttention& a, const AttentionPlace& place, int kv_head,
                        std::byte* rows) const {
        const int group = a.query_heads / a.pool.kv_heads, group_bits = __ffs(group) - 1;
        const int lane = threadIdx.x % 32, own_row = row + threadIdx.x % 128 / 32 * 16;
        const int g = lane / 4, c = lane % 4;
        const auto store = [&](int r, int piece, const uint4& values) {
            if (r >> group_bits >= place.token_count) return;
            const std::int64_t token = place.segment.first_row + place.first_token + (r >> group_bits);
            __half* to = a.output + (token * a.query_heads + kv_head * group + (r & (group - 1))) * kHeadSize;
            *reinterpret_cast<uint4*>(to + piece * 8) = values;
        };
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const float inverse = 1.0F / tile.denominator(half);
            const int r = own_row + half * 8 + g;
            __half2 pairs[8];
#pragma unroll
            for (int n = 0; n < 8; ++n)
                pairs[n] =
                    to_half2(tile.output[n][2 * half] * inverse, tile.output[n][2 * half + 1] * inverse);
            if (a.order == ActivationOrder::sequential) {
                static_assert(stored_column(ActivationOrder::sequential, 2 * 3 + 1) == 8 * 3 + 1 &&
                                  stored_column(ActivationOrder::sequential, 32 + 3 * 8) == 32 + 3 * 2,
                              "columns 8n + 2c, n = 0 .. 3, are stored from 8c on");
#pragma unroll
                for (int block = 0; block < 2; ++block)
                    store(r, block * 4 + c,
                          {as_word(pairs[block * 4]), as_word(pairs[block * 4 + 1]),
                           as_word(pairs[block * 4 + 2]), as_word(pairs[block * 4 + 3])});
                continue;
            }
#pragma unroll
            for (int n = 0; n < 8; ++n)
#pragma unroll
                for (int i = 0; i < 2; ++i) {
                    const int stored = stored_column(a.order, n * 8 + 2 * c + i);
                    *reinterpret_cast<__half*>(rows + piece_offset(r, stored / 8) + stored % 8 * 2) =
                        i == 0 ? __low2half(pairs[n]) : __high2half(pairs[n]);
                }
        }
        if (a.order == ActivationOrder::sequential) return;
        __syncwarp();
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const int r = own_row + i * 4 + lane / 8, piece = lane % 8;
            store(r, piece, *reinterpret_cast<const uint4*>(rows + piece_offset(r, piece)));
        }
    }

  private:
    static constexpr std::uint64_t kStage = Kernel::kStageBytes >> 4;  // as descriptors count
    __device__ static std::uint64_t keys_of(const Kernel::Shared& shared, const Kernel::Turn& turn) {
        return matrix_descriptor(shared.keys(0)) + turn.stage * kStage;
    }
    __device__ static std::uint64_t values_of(const Kernel::Shared& shared, const Kernel::Turn& turn) {
        return values_descriptor(shared.values(0), shared.ones()) +
               turn.stage * (kStage - (kStage << 16));  // the ones are nearer by as much
    }

    // Adds block `block`, whose probabilities are `from`; those of the next block become `to`.
    __device__ __forceinline__ void step(const typename Tile::Probabilities& from,
                                         typename Tile::Probabilities& to, int block, int window,
                                         const Kernel::Shared& shared, Kernel::Turn& turn) {
        const Kernel::Turn next = turn.next();
        barrier_wait(shared.full(next.stage), next.phase);
        warpgroup_fence();
        tile.multiply_keys(keys_of(shared, next));
        tile.multiply_values(from, values_of(shared, turn));
        warpgroup_wait<1>();
        const bool rises = tile.soften(to, block + 1, window);
        warpgroup_wait<0>();
        Tile::keep(from);
        fence_accumulators(tile.output);
        if (threadIdx.x % 32 == 0) barrier_arrive(shared.empty(turn.stage));
        if (rises) tile.rescale();
        turn = next;
    }

    __device__ __forceinline__ void finish(const typename Tile::Probabilities& last,
                                           const Kernel::Shared& shared, Kernel::Turn& turn) {
        warpgroup_fence();
        tile.multiply_values(last, values_of(shared, turn));
        warpgroup_wait<0>();
        fence_accumulators(tile.output);
        if (threadIdx.x % 32 == 0) barrier_arrive(shared.empty(turn.stage));
        turn = turn.next();
    }
};

template <model::KvType type>
__device__ void consume_keys_and_values(const PrefillAttention& a, int pieces,
                                        const WarpgroupAttention::Shared& shared) {
    const int row = threadIdx.x / 128 * AttentionRowTile<type>::kRows;
    const int group = a.query_heads / a.pool.kv_heads;
    WarpgroupAttention::Turn turn;
    for_each_piece(a, pieces, [&](const AttentionPlace& place, int kv_head, int piece) {
        const int blocks = place.last_block - place.first_block + 1;
        const std::uint32_t queries = shared.queries(piece);
        if (row < place.token_count * group) {
            AttentionRows<type> rows;
            barrier_wait(shared.queries_full(piece), shared.queries_phase(piece));
            rows.begin(row, a, place, kv_head, queries);
            rows.run(blocks, a.window, shared, turn);
            rows.end(row, a, place, kv_head, shared.at(queries));
        } else {  // no rows for this warpgroup: it lets the blocks pass
            AttentionRows<type>::let_pass(blocks, shared, turn);
        }
        __syncwarp();
        if (threadIdx.x % 32 == 0) barrier_arrive(shared.queries_empty(piece));
    });
}

// `tiles`: map_kv_tiles(a.pool). `pieces`: at least as many pieces of work as there are.
template <model::KvType type>
__global__ void __launch_bounds__(WarpgroupAttention::kThreads, 1)
    warpgroup_attention_kernel(const __grid_constant__ PrefillAttention a,
                               const __grid_constant__ CUtensorMap tiles, int pieces) {
    if constexpr (kHasWgmma && type != model::KvType::f8) {
        using Kernel = WarpgroupAttention;
        griddep_launch_dependents();
        extern __shared__ __align__(128) std::byte shared_memory[];
        const std::uint32_t raw = shared_address(shared_memory), start = (raw + 1023) / 1024 * 1024;
        const Kernel::Shared shared{start, shared_memory + (start - raw)};
        if (threadIdx.x == 0) {
            for (int i = 0; i < Kernel::kStages; ++i) {
                barrier_init(shared.full(i), 1);
                barrier_init(shared.empty(i), Kernel::kConsumerWarps);
            }
            for (int i = 0; i < 2; ++i) {
                barrier_init(shared.queries_full(i), 128);
                barrier_init(shared.queries_empty(i), Kernel::kConsumerWarps);
            }
        }
        for (int i = threadIdx.x; i < kAttentionTileBytes / 4; i += Kernel::kThreads)
            *reinterpret_cast<std::uint32_t*>(shared.at(shared.ones()) + i * 4) =
                pack_probabilities<type>(1.0F, 1.0F);
        fence_async_proxy();
        __syncthreads();
        griddep_wait();
        if (threadIdx.x >= Kernel::kConsumerThreads) {
            asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Kernel::kProducerRegisters));
            produce_keys_and_values<type>(a, tiles, pieces, shared);
        } else {
            asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Kernel::kConsumerRegisters));
            consume_keys_and_values<type>(a, pieces, shared);
        }
    }
}

}  // namespace gptoss::backend::cuda

// The grouped product for few tokens an expert, of the published width (Hopper): what gemm_stream.cuh computes, but a block
// works on one tile of 16 weight rows at a time. The copy engine brings tiles whole into a ring in shared memory. Each of
// 15 warps owns the same six blocks of 32 columns of every tile, so its share of the activations stays in registers as long
// as the tokens do: none in shared memory, no fragments loaded in the loop, and where the run enters another expert no warp
// waits for another while the ring goes on filling.
//
// A tile's partial sums go to shared memory, where four warps in turn add them up, in the order of the columns, and store:
// the same input gives the same bits. A block has its share of the tiles of 9 to 16 tokens, then of those with fewer.
#pragma once

#include "backend/cuda/gemm_epilogue.cuh"
#include "backend/cuda/gemm_stream.cuh"
#include "backend/cuda/tile_ranges.cuh"
#include "backend/cuda/word_exchange.cuh"

namespace gptoss::backend::cuda {

// How the copy engine sees the weights: the values of 16 rows in pieces of 128 bytes, their scales.
struct TileMaps {
    CUtensorMap values, scales;
};

// `most_tokens`: of a tile, 8 or 16. `small`: of eight, in 99 KB of shared memory, on any card with a copy engine.
template <int most_tokens, bool small = false>
struct TileStreamGemm {
    static constexpr int kColumns = 2880, kRows = 16, kTokens = most_tokens, kGroups = kTokens / 8;
    static_assert(kTokens == 8 || (kTokens == 16 && !small));
    static constexpr int kConsumers = 15, kFinishers = 4, kThreads = (kConsumers + kFinishers + 1) * 32;
    // 65,536 registers, 96 a thread at first: four warpgroups, of which one warp finishes, and one that finishes and copies.
    static constexpr int kConsumerRegisters = 104, kOtherRegisters = 64;
    static constexpr int kSlice = kColumns / kQuantBlock / kConsumers;  // blocks of 32 columns of a warp
    static_assert(kSlice * kConsumers * kQuantBlock == kColumns && kSlice % 2 == 0);
    static constexpr int kPieceBytes = kRows * 128;  // of 128 bytes a row; swizzled in 16 bytes
    static constexpr int kPieces = (kColumns / 2 + 127) / 128;
    static constexpr int kStageBytes = kPieces * kPieceBytes;
    // With 16 more than a row has, where there is room, two rows begin in the same bank, not four.
    static constexpr int kScaleRowBytes =
        static_cast<int>(scale_bytes_a_row(WeightFormat::mxfp4, kColumns)) + (kTokens == 8 ? 0 : 16);
    static constexpr int kScaleBytes = kRows * kScaleRowBytes;
    static constexpr int kStages = small ? 3 : 7;
    static constexpr int kPartRowBytes = kTokens * 4, kPartBytes = kRows * kPartRowBytes;  // a warp's sums
    static constexpr int kPartsBytes = kConsumers * kPartBytes;                            // of a tile
    static constexpr int kFactorBytes = kRows * kSlice * 4;                                // a warp's scales
    // The small form has room for them only where the warp's sums of the same tile will be.
    static constexpr int kFactorStride = small ? kPartBytes : kFactorBytes;
    static_assert(kFactorBytes <= kFactorStride);
    static constexpr int kBarriers = 2 * kStages + kFinishers + 2;
    static constexpr int kSharedBytes =
        1024 + kStages * (kStageBytes + kScaleBytes) + 2 * kPartsBytes + kFinishers * turn_bytes(kTokens) +
        (small ? 0 : kConsumers * kFactorBytes) + kBarriers * 8 + static_cast<int>(sizeof(GroupList));
    using Work = StreamGemm<16, 3>::Work;
    static_assert(StreamGemm<16, 3>::kRows == kRows);

    struct Shared {
        std::uint32_t stages;
        __device__ std::uint32_t stage(int i) const { return stages + i * kStageBytes; }
        __device__ std::uint32_t scales(int i) const { return stage(kStages) + i * kScaleBytes; }
        __device__ std::uint32_t parts(int i) const { return scales(kStages) + i * kPartsBytes; }
        __device__ std::uint32_t turn(int i) const { return parts(2) + i * turn_bytes(kTokens); }
        __device__ std::uint32_t factors(int i) const {
            return (small ? parts(0) : turn(kFinishers)) + i * kFactorStride;
        }
        __device__ std::uint32_t full(int i) const {
            return (small ? turn(kFinishers) : factors(kConsumers)) + i * 8;
        }
        __device__ std::uint32_t empty(int i) const { return full(kStages + i); }
        __device__ std::uint32_t parts_full(int i) const { return empty(kStages + i); }
        __device__ std::uint32_t parts_empty(int i) const { return parts_full(kFinishers + i); }
        __device__ GroupList& groups() const {
            return *reinterpret_cast<GroupList*>(dynamic_shared() +
                                                 (parts_empty(2) - shared_address(dynamic_shared())));
        }
    };
    // All threads; a barrier of the block must follow.
    __device__ static Shared divide_shared_memory() {
        const Shared shared{(shared_address(dynamic_shared()) + 1023) / 1024 * 1024};
        if (threadIdx.x == 0) {
            for (int i = 0; i < kStages; ++i) {
                barrier_init(shared.full(i), 1);
                barrier_init(shared.empty(i), kConsumers);
            }
            for (int i = 0; i < kFinishers; ++i) barrier_init(shared.parts_full(i), kConsumers * 32);
            for (int i = 0; i < 2; ++i) barrier_init(shared.parts_empty(i), 32);
            fence_barrier_init();
        }
        return shared;
    }

    // A position in the ring of tiles, and in what hands their sums over.
    struct Ring {
        int stage = 0, buffer = 0, finisher = 0;
        std::uint32_t phase = 0, buffer_phase = 0;
        __device__ void advance() {
            if (++stage == kStages) stage = 0, phase ^= 1;
            if (++finisher == kFinishers) finisher = 0;
            buffer ^= 1;
            if (buffer == 0) buffer_phase ^= 1;
        }
    };

    // One thread has one tile after another copied.
    __device__ static void produce(const Work& work, const TileMaps& maps, const Shared& shared,
                                   const TileRanges& runs) {
        int begin = 0, end = 0;  // tiles of the same expert and tokens
        int row = 0;
        Ring ring;
        for (int i = 0; i < runs.count(); ++i, row += kRows, ring.advance()) {
            const int number = runs.number(i);
            if (number < begin || number >= end) {
                const Tile tile = work.tile(number);
                row = tile.expert * work.rows_of_expert + tile.weight_row;
                begin = number / work.row_tiles * work.row_tiles, end = begin + work.row_tiles;
            }
            const std::uint32_t full = shared.full(ring.stage);
            barrier_wait(shared.empty(ring.stage), ring.phase ^ 1);
            barrier_arrive_expecting(full, kStageBytes + kScaleBytes);
            asm volatile(
                "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], "
                "[%1, {%2, %3, %2}], [%4];" ::"r"(shared.stage(ring.stage)),
                "l"(&maps.values), "r"(0), "r"(row), "r"(full)
                : "memory");
            copy_box_async(shared.scales(ring.stage), maps.scales, 0, row, full);
        }
    }

    // What a lane holds of eight tokens and a block: b[0..1] of its first matrix instruction, of its second.
    using Operands = std::uint32_t[kSlice][4];

    // Zeros for tokens that are not there: the tensor cores take less power for them.
    __device__ static void load_operands(Operands& operands, const GemmProblem& problem, const Tile& tile,
                                         int first_token) {
        const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, token = first_token + lane / 4;
        const int row = source_row(problem, tile.first_row + min(token, tile.row_count - 1));
        const auto* from =
            reinterpret_cast<const uint4*>(problem.activations + std::int64_t{row} * kColumns) +
            warp * kSlice * 4 + lane % 4;
        uint4 pieces[kSlice];
#pragma unroll
        for (int i = 0; i < kSlice; ++i) pieces[i] = token < tile.row_count ? __ldcg(from + i * 4) : uint4{};
#pragma unroll
        for (int i = 0; i < kSlice; ++i) exchange_words(operands[i], pieces[i]);
    }

    // Where a row's sums of tokens 4 * quad .. are in a warp's part: neither pairs of tokens stored by four rows nor four
    // tokens loaded by eight rows meet in a bank.
    __device__ static std::uint32_t part_place(int row, int quad) {
        const int turn = kTokens == 8 ? row / 4 % 2 : row / 2 % 2 * 2 + row / 4 % 2;
        return static_cast<std::uint32_t>(row * kPartRowBytes + (quad ^ turn) * 16);
    }

    // Where a consumer's lane finds and leaves what is its own. Kept in registers: the compiler would rather find every
    // place anew for every tile, a seventh of all instructions.
    struct Places {
        std::uint32_t values[kSlice];  // in the stage: of row g; row g + 8 is 1,024 bytes on
        std::uint32_t scales;          // in the stage's: three that it makes factors of
        std::uint32_t made, taken;     // three factors, those of row g
        std::uint32_t part;            // in a buffer of sums

        __device__ explicit Places(const Shared& shared) {
            const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4;
#pragma unroll
            for (int i = 0; i < kSlice; ++i) {
                const int block = warp * kSlice + i;
                values[i] = block / 8 * kPieceBytes + g * 128 + ((block % 8 ^ g) << 4) + t * 4;
                asm volatile("" : "+r"(values[i]));
            }
            scales = lane / 2 * kScaleRowBytes + warp * kSlice + lane % 2 * (kSlice / 2);
            made = shared.factors(warp) + lane * (kSlice / 2 * 4);
            taken = shared.factors(warp) + g * (kSlice * 4);
            part = warp * kPartBytes + part_place(g, t / 2) + t % 2 * 8;
            asm volatile("" : "+r"(scales), "+r"(made), "+r"(taken), "+r"(part));
        }
    };

    // A lane's weights of a tile: of six blocks, rows g and g + 8; bytes of three scales.
    struct Weights {
        std::uint32_t words[kSlice][2][1], bytes[kSlice / 2];
    };
    __device__ __forceinline__ static void load_words(Weights& weights, const Shared& shared, int stage,
                                                      const Places& places) {
#pragma unroll
        for (int i = 0; i < kSlice; ++i) {
            load_shared(weights.words[i][0], shared.stage(stage) + places.values[i]);
            load_shared(weights.words[i][1], shared.stage(stage) + places.values[i] + 8 * 128);
        }
    }
    __device__ __forceinline__ static void load_scales(Weights& weights, const Shared& shared, int stage,
                                                       const Places& places) {
        const std::uint32_t scales = shared.scales(stage) + places.scales;
#pragma unroll
        for (int i = 0; i < kSlice / 2; ++i)
            asm volatile("ld.shared.u8 %0, [%1];" : "=r"(weights.bytes[i]) : "r"(scales + i));
    }

    // The warp makes each of a tile's 96 scales once: e becomes 2^(e - 127). `buffer`: of the tile's sums.
    __device__ __forceinline__ static void make_factors(const Weights& weights, const Places& places,
                                                        int buffer) {
        const std::uint32_t made = places.made + (small ? buffer * kPartsBytes : 0);
#pragma unroll
        for (int i = 0; i < kSlice / 2; ++i) store_shared_32(made + i * 4, weights.bytes[i] << 23);
    }
    using Factors = std::uint32_t[2][kSlice / 2][2];
    __device__ __forceinline__ static void load_factors(Factors& factors, const Places& places, int buffer) {
        const std::uint32_t taken = places.taken + (small ? buffer * kPartsBytes : 0);
        __syncwarp();  // all are made
#pragma unroll
        for (int i = 0; i < kSlice / 2; ++i) {
            load_shared(factors[0][i], taken + i * 8);
            load_shared(factors[1][i], taken + 8 * (kSlice * 4) + i * 8);
        }
    }

    // A warp's slice of a tile against 8 tokens, or 16.
    template <int groups>
    __device__ __forceinline__ static void multiply(float (&sums)[groups][4], const Weights& weights,
                                                    const Factors& factors,
                                                    const Operands (&operands)[groups]) {
#pragma unroll
        for (int i = 0; i < kSlice; ++i) {
            std::uint32_t first[4], second[4];
            unpack_mxfp4_rows(first, second, weights.words[i][0][0], weights.words[i][1][0]);
            const float low_factor = __uint_as_float(factors[0][i / 2][i % 2]),
                        high_factor = __uint_as_float(factors[1][i / 2][i % 2]);
#pragma unroll
            for (int group = 0; group < groups; ++group)
                add_scaled_rows(sums[group], first, second, operands[group][i], low_factor, high_factor);
        }
    }

    // A run of tiles of at most 8 or 16 tokens. With few tokens there are registers for the next tile's weights, too,
    // which then arrive during the products; with many, the next tile's scales alone are made factors ahead.
    template <int groups>
    __device__ __forceinline__ static void consume(const GemmProblem& problem, const Work& work,
                                                   const Shared& shared, const Places& places,
                                                   const TileRange& run, Ring& ring) {
        constexpr bool kLoadsAhead = groups == 1;
        if (run.begin >= run.end) return;
        Operands operands[groups];
        int number = run.begin, end = run.begin;  // the first tile that wants other tokens
        // One tile: with kLoadsAhead its weights are there, else its factors. So are then the next one's.
        const auto step = [&](Weights & own, Weights & next) __attribute__((always_inline)) {
            if (number >= end) {
                const Tile tile = work.tile(number);
#pragma unroll
                for (int group = 0; group < groups; ++group)
                    load_operands(operands[group], problem, tile, group * 8);
                end = (number / work.row_tiles + 1) * work.row_tiles;
            }
            const Ring before = ring;
            ring.advance();
            int read = kLoadsAhead ? -1 : before.stage;  // the place in the ring that the warp is done with
            Factors factors;
            if constexpr (kLoadsAhead) {
                if (number + 1 < run.end) {
                    read = ring.stage;
                    barrier_wait(shared.full(ring.stage), ring.phase);
                    load_scales(next, shared, ring.stage, places);
                    load_words(next, shared, ring.stage, places);
                }
                if (small) barrier_wait(shared.parts_empty(before.buffer), before.buffer_phase ^ 1);
                make_factors(own, places, before.buffer);
                load_factors(factors, places, before.buffer);
            } else {
                load_factors(factors, places, before.buffer);
                load_words(own, shared, before.stage, places);
            }
            float sums[groups][4] = {};
            multiply(sums, own, factors, operands);
            __syncwarp();  // every lane has its weights and factors
            if (threadIdx.x % 32 == 0 && read >= 0) barrier_arrive(shared.empty(read));
            if (!kLoadsAhead && number + 1 < run.end) {
                barrier_wait(shared.full(ring.stage), ring.phase);
                load_scales(next, shared, ring.stage, places);
                make_factors(next, places, ring.buffer);
            }
            if (!small) barrier_wait(shared.parts_empty(before.buffer), before.buffer_phase ^ 1);
            const std::uint32_t to = shared.parts(before.buffer) + places.part;
#pragma unroll
            for (int group = 0; group < groups; ++group) {
                store_shared_64(to ^ group * 32, sums[group][0], sums[group][1]);  // two quads on
                store_shared_64((to ^ group * 32) + 8 * kPartRowBytes, sums[group][2], sums[group][3]);
            }
            barrier_arrive(shared.parts_full(before.finisher));
            ++number;
        };
        Weights even, odd;
        barrier_wait(shared.full(ring.stage), ring.phase);
        load_scales(even, shared, ring.stage, places);
        if constexpr (kLoadsAhead) {
            load_words(even, shared, ring.stage, places);
            __syncwarp();
            if (threadIdx.x % 32 == 0) barrier_arrive(shared.empty(ring.stage));
        } else
            make_factors(even, places, ring.buffer);
        while (number < run.end) {
            step(even, odd);
            if (!kLoadsAhead) continue;
            if (number >= run.end) break;
            step(odd, even);
        }
    }

    // Every kFinishers-th tile, from the block's tile number `finisher` on.
    __device__ static void finish(const GemmProblem& problem, const Work& work, const Shared& shared,
                                  int finisher, const TileRanges& runs) {
        const EpilogueTargets& targets = problem.epilogue;
        const int lane = threadIdx.x % 32, row = lane % 16, half = lane / 16;
        const std::uint32_t turn = shared.turn(finisher), parts = shared.parts(finisher % 2);
        int begin = 0, end = 0;  // tiles of the same tokens
        Tile tile;
        OutputPair output;
        std::uint32_t phase = 0;
        for (int i = finisher; i < runs.count(); i += kFinishers, phase ^= 1) {
            const int number = runs.number(i);
            if (number < begin || number >= end) {
                tile = work.tile(number);
                begin = number / work.row_tiles * work.row_tiles, end = begin + work.row_tiles;
                if (targets.kind == Epilogue::expert_output) {
                    output.pair = targets.pairs[tile.first_row + min(lane / 2, tile.row_count - 1)];
                    output.weight = targets.routing_weights[output.pair];
                }
            }
            const int weight_row = (number - begin) * kRows;
            float bias[8];
            load_bias(bias, targets, tile.expert, work.rows_of_expert, weight_row);
            barrier_wait(shared.parts_full(finisher), phase);
#pragma unroll
            for (int group = 0; group < kGroups; ++group) {
                if (8 * group >= tile.row_count) break;
                const int quad = 2 * group + half;  // of tokens
                float total[4] = {};
#pragma unroll
                for (int warp = 0; warp < kConsumers; ++warp) {
                    std::uint32_t part[4];
                    load_shared(part, parts + warp * kPartBytes + part_place(row, quad));
#pragma unroll
                    for (int i = 0; i < 4; ++i) total[i] += __uint_as_float(part[i]);
                }
#pragma unroll
                for (int i = 0; i < 4; ++i)
                    store_shared_32(turn + ((quad * 4 + i) * kTurnStride + row) * 4,
                                    __float_as_uint(total[i] * kMxfp4Unit));
            }
            barrier_arrive(shared.parts_empty(finisher % 2));
            __syncwarp();
            store_turned(targets, tile, work.rows_of_expert, weight_row, 0, kTokens, bias, output, turn);
            __syncwarp();  // the turned sums have been read
        }
    }
};

template <int most_tokens, bool small>
__global__ void __launch_bounds__(TileStreamGemm<most_tokens, small>::kThreads, 1)
    gemm_tile_stream_kernel(const __grid_constant__ GemmProblem problem,
                            const __grid_constant__ TileMaps maps) {
    // Registers that warps hand each other come with wgmma.
    if constexpr (small ? kHasCopyEngine : kHasWgmma) {
        using Gemm = TileStreamGemm<most_tokens, small>;
        const typename Gemm::Shared shared = Gemm::divide_shared_memory();
        if (!problem.groups_are_settled) griddep_wait();
        // Only now: the next stage may be one that takes the groups for settled.
        griddep_launch_dependents();
        GroupList& groups = shared.groups();
        for (int i = threadIdx.x; i < static_cast<int>(sizeof(GroupList) / 4); i += Gemm::kThreads)
            reinterpret_cast<int*>(&groups)[i] = reinterpret_cast<const int*>(problem.groups)[i];
        __syncthreads();
        const int rows_of_expert = problem.weights.rows / problem.experts;
        const typename Gemm::Work work{problem, groups, rows_of_expert, rows_of_expert / Gemm::kRows};
        const int many = most_tokens == 8 ? 0 : tiles_of_more_than(groups, 8) * work.row_tiles;
        const TileRanges runs{equal_share(0, many), equal_share(many, groups.tile_count * work.row_tiles)};
        const int warp = threadIdx.x / 32;
        if (warp <= Gemm::kConsumers) {
            if constexpr (!small)
                asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Gemm::kConsumerRegisters));
            if (problem.groups_are_settled) griddep_wait();
            if (warp < Gemm::kConsumers) {
                const typename Gemm::Places places(shared);
                typename Gemm::Ring ring;
                if constexpr (most_tokens > 8)
                    Gemm::template consume<2>(problem, work, shared, places, runs.first, ring);
                Gemm::template consume<1>(problem, work, shared, places, runs.second, ring);
            } else {
                Gemm::finish(problem, work, shared, 0, runs);
            }
        } else {
            if constexpr (!small)
                asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Gemm::kOtherRegisters));
            if (warp == Gemm::kConsumers + Gemm::kFinishers) {
                if (threadIdx.x % 32 == 0) Gemm::produce(work, maps, shared, runs);
                return;
            }
            if (problem.groups_are_settled) griddep_wait();
            Gemm::finish(problem, work, shared, warp - Gemm::kConsumers, runs);
        }
    }
}

}  // namespace gptoss::backend::cuda

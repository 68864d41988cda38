// The matrix product with wgmma (sm_90a). Three warpgroups of 64 weight rows each unpack weights into
// registers and multiply; a fourth copies packed weights and activations ahead, several stages deep. (With
// few tokens there are too few tiles of 192 rows for all multiprocessors: then one warpgroup multiplies.)
// Stages are handed over by barriers in shared memory: `full` when the copies of a stage have landed, `empty`
// when every thread has read it. (One lane speaking for its warp is no faster, and does not order the other
// lanes' reads.)
//
// While one warpgroup unpacks, the others keep the tensor cores busy; inside a warpgroup the product of a block of
// 32 columns is in flight while the next one is unpacked. There is a loop over the columns for every token count: a
// tile's tokens are one operand of one instruction, and nothing is decided inside the loop.
#pragma once

#include "backend/cuda/gemm_epilogue.cuh"
#include "backend/cuda/gemm_wgmma.cuh"

namespace gptoss::backend::cuda {

// How a block of threads is divided.
//   tall     three warpgroups of 64 weight rows, up to 128 tokens
//   split_k  three warpgroups share the columns of 64 weight rows: dense products of few tokens
//   wide     five warpgroups of 64 weight rows, up to 32 tokens: where unpacking binds, more warps do it
enum class WarpgroupForm : std::uint8_t { tall, split_k, wide };

template <PlaneType type, WarpgroupForm form>
struct WarpgroupGemm {
    static constexpr bool shared_columns = form == WarpgroupForm::split_k;
    static constexpr int kConsumers = form == WarpgroupForm::wide ? 5 : 3;
    static constexpr int kThreads = (kConsumers + 1) * 128;
    static constexpr int kRows = shared_columns ? 64 : kConsumers * 64;
    static constexpr int kMostTokens = form == WarpgroupForm::wide ? kWideTileTokens : kMaxTileTokens;
    // 64 or 128 bytes of a weight row a stage.
    static constexpr int kColumns = type == PlaneType::mxfp4 ? 128 : 64;
    static constexpr int kSlabs = kColumns / kSlabColumns;
    static constexpr int kTokenSlabBytes = kMostTokens * kSlabColumns * 2;
    using Weights = WeightStage<type, kColumns>;
    using Scales = ScaleStage<type, kColumns>;
    static constexpr int kBlocks = Weights::kBlocks;
    static constexpr int kWeightBytes = kRows * Weights::kRowBytes;
    static constexpr int kScaleBytes = Scales::kPresent ? (kRows * 4 + 1023) / 1024 * 1024 : 0;
    static constexpr int kStageBytes = kSlabs * kTokenSlabBytes + kWeightBytes + kScaleBytes;
    // Sums of the warpgroups but the first: a thread's, for 16 tokens eight of them.
    static constexpr int kPartialBytes = shared_columns ? (kConsumers - 1) * kMostTokens / 2 * 128 * 4 : 0;
    static constexpr int kTurnBytes = (shared_columns ? 4 : kConsumers * 4) * turn_bytes(kTurnedTokens);
    static constexpr int kStages = (227 * 1024 - 1024 - 256 - kPartialBytes - kTurnBytes) / kStageBytes;
    static constexpr int kSharedBytes =
        kStages * kStageBytes + kPartialBytes + kTurnBytes + 1024 + 2 * kStages * 8;
    static_assert(kSharedBytes <= 227 * 1024, "a block's limit on sm_90");
    // A warpgroup waits by the phase's parity: the stage's use before must be over when it comes, and it is
    // if the warpgroup's own last stage, three back, was a later one.
    static_assert(!shared_columns || kStages > kConsumers, "parities tell only two uses apart");
    // 65,536 registers: 3 x 128 x 152 for those who hold sums, 128 x 56 for those who copy. `wide`: 80 for all.
    static constexpr bool kMovesRegisters = form != WarpgroupForm::wide;
    static constexpr int kConsumerRegisters = 152, kProducerRegisters = 56;

    // Position in the ring of stages; the phase flips when it wraps.
    struct Ring {
        int stage = 0;
        std::uint32_t phase = 0;
        __device__ void advance() {
            if (++stage == kStages) {
                stage = 0;
                phase ^= 1;
            }
        }
        __device__ void advance(int stages) {
            for (stage += stages; stage >= kStages; stage -= kStages) phase ^= 1;
        }
    };
    struct Shared {
        std::uint32_t stages;  // address of stage 0: slabs of activations, weights, scales
        std::uint32_t barriers;
        float* partials;      // [consumer - 1][sum][thread]
        std::uint32_t turns;  // a warp's turn_bytes() after another's
        __device__ std::uint32_t stage(int i) const { return stages + i * kStageBytes; }
        __device__ std::uint32_t weights(int i) const { return stage(i) + kSlabs * kTokenSlabBytes; }
        __device__ std::uint32_t scales(int i) const { return weights(i) + kWeightBytes; }
        __device__ std::uint32_t full(int i) const { return barriers + i * 8; }
        __device__ std::uint32_t empty(int i) const { return barriers + (kStages + i) * 8; }
    };

    // Copies one tile. A thread always copies the same 16-byte piece of a row, of every 16th token and of
    // every 32nd (or 16th) weight row, and the scales of one row or two.
    __device__ static void produce(const GemmProblem& problem, const Tile& tile, const Shared& shared,
                                   Ring& ring) {
        const DeviceMatrix& w = problem.weights;
        const int rows_of_expert = w.rows / problem.experts;
        const int thread = threadIdx.x % 128;
        constexpr int kPieces = Weights::kRowBytes / 16, kRowsAPass = 128 / kPieces;
        const int weight_row = thread / kPieces, weight_piece = thread % kPieces;
        const std::int64_t first_row = std::int64_t{tile.expert} * rows_of_expert + tile.weight_row;
        const std::byte* weights = w.values + first_row * w.value_stride_bytes + weight_piece * 16;
        const std::byte* scales = w.scales + first_row * w.scale_stride_bytes;
        const int last_row = rows_of_expert - 1 - tile.weight_row;  // rows past it repeat it

        const int token = thread / 8, token_piece = thread % 8;
        const __half* activations = problem.activations + token_piece * 8;
        const int passes = tile_rows_for(tile.row_count) / 16;
        std::uint32_t sources[kMostTokens / 16];  // where the tokens' rows start, in 16 bytes
#pragma unroll
        for (int i = 0; i < kMostTokens / 16; ++i)
            sources[i] = static_cast<std::uint32_t>(
                std::int64_t{source_row(problem, tile.first_row + min(token + i * 16, tile.row_count - 1))} *
                (w.columns / 8));

        for (int s = 0; s * kColumns < w.columns; ++s, ring.advance()) {
            barrier_wait(shared.empty(ring.stage), ring.phase ^ 1);
            const std::uint32_t stage = shared.stage(ring.stage);
            const bool whole = (s + 1) * kColumns <= w.columns;  // else only the first slab exists
            if (whole || weight_piece < kPieces / 2) {
#pragma unroll
                for (int i = 0; i < kRows / kRowsAPass; ++i) {
                    const int row = weight_row + i * kRowsAPass;
                    copy_16_bytes_async_line(
                        shared.weights(ring.stage) +
                            Weights::exchanged(row * Weights::kRowBytes + weight_piece * 16),
                        weights + min(row, last_row) * w.value_stride_bytes);
                }
            }
            if constexpr (Scales::kPresent) {
#pragma unroll
                for (int row = thread; row < kRows; row += 128)
                    Scales::copy(shared.scales(ring.stage), row,
                                 scales + min(row, last_row) * w.scale_stride_bytes, s);
            }
            const std::uint32_t to = stage + token * 128 + ((token_piece ^ (token & 7)) << 4);
#pragma unroll
            for (int i = 0; i < kMostTokens / 16; ++i) {
                if (i < passes) {
                    const __half* row = activations + std::uint64_t{sources[i]} * 8;
                    copy_16_bytes_async_line(to + i * 16 * 128, row);
                    if (kSlabs == 2 && whole)
                        copy_16_bytes_async_line(to + i * 16 * 128 + kTokenSlabBytes, row + kSlabColumns);
                }
            }
            barrier_arrive_after_copies(shared.full(ring.stage));
            weights += Weights::kRowBytes;
            activations += kColumns;
        }
    }

    // A stage's blocks of 32 columns: unpack one while the tensor cores multiply the one before.
    // `unreleased`: the stage before, or -1; it is given back once its products are done.
    template <int tokens, int blocks>
    __device__ __forceinline__ static void multiply_stage(float (&sums)[tokens / 8][4],
                                                          std::uint32_t (&fragments)[2][2][4],
                                                          const std::uint32_t (&lanes)[2],
                                                          const int (&rows)[2], const Shared& shared,
                                                          int stage, int number, int unreleased) {
        const std::uint32_t start = shared.stage(stage);
        const std::uint32_t scales[2] = {Scales::load(shared.scales(stage), rows[0], number),
                                         Scales::load(shared.scales(stage), rows[1], number)};
        // These words are fragments as they are, and the product before may still read those of its stage.
        if constexpr (type == PlaneType::f16) warpgroup_wait<0>();
        // All loads before the first use.
        std::uint32_t words[blocks][2][Weights::kLaneWords];
#pragma unroll
        for (int block = 0; block < blocks; ++block)
#pragma unroll
            for (int slot = 0; slot < 2; ++slot)
                Weights::load(words[block][slot], start + kSlabs * kTokenSlabBytes + lanes[slot], block);
        const std::uint64_t activations = matrix_descriptor(start);
#pragma unroll
        for (int block = 0; block < blocks; ++block) {
            std::uint32_t(&own)[2][4] = fragments[block % 2];
            make_fragments<type, kColumns>(own, words[block], block, scales);
            const std::uint64_t b = activations + ((block / 2 * kTokenSlabBytes + block % 2 * 64) >> 4);
            warpgroup_fence();
            warpgroup_multiply<tokens>(sums, own[0], b);
            warpgroup_multiply<tokens>(sums, own[1], b + 2);  // 16 columns are 32 bytes
            warpgroup_commit();
            warpgroup_wait<1>();  // the block before: its fragments are free
            if (block == 0 && unreleased >= 0) barrier_arrive(shared.empty(unreleased));
        }
    }

    // All columns of a tile of up to `tokens` tokens.
    template <int tokens>
    __device__ __forceinline__ static void accumulate(float (&sums)[tokens / 8][4], const int (&rows)[2],
                                                      int columns, const Shared& shared, Ring& ring) {
        static_assert(kBlocks % 2 == 0, "stages begin with the same fragments");
        std::uint32_t fragments[2][2][4];
        const std::uint32_t lanes[2] = {Weights::lane_offset(rows[0], threadIdx.x % 4),
                                        Weights::lane_offset(rows[1], threadIdx.x % 4)};
#pragma unroll
        for (int i = 0; i < tokens / 8; ++i)
#pragma unroll
            for (int k = 0; k < 4; ++k) sums[i][k] = 0;
        int unreleased = -1;
        const int whole_stages = columns / kColumns;
        // Every stage of a tile, or every third.
        constexpr int kStep = shared_columns ? kConsumers : 1;
        const int own = shared_columns ? threadIdx.x / 128 : 0;
        Ring tile_end = ring;
        if constexpr (shared_columns) {
            tile_end.advance((columns + kColumns - 1) / kColumns);
            ring.advance(own);
        }
#pragma unroll 1
        for (int s = own; s < whole_stages; s += kStep) {
            barrier_wait(shared.full(ring.stage), ring.phase);
            fence_for_matrix_unit();
            multiply_stage<tokens, kBlocks>(sums, fragments, lanes, rows, shared, ring.stage, s, unreleased);
            unreleased = ring.stage;
            if constexpr (shared_columns)
                ring.advance(kStep);
            else
                ring.advance();
        }
        if (kSlabs == 2 && whole_stages * kColumns < columns &&
            whole_stages % kStep == own) {  // half a stage
            barrier_wait(shared.full(ring.stage), ring.phase);
            fence_for_matrix_unit();
            multiply_stage<tokens, kBlocks / kSlabs>(sums, fragments, lanes, rows, shared, ring.stage,
                                                     whole_stages, unreleased);
            unreleased = ring.stage;
            ring.advance();
        }
        if constexpr (shared_columns) ring = tile_end;
        warpgroup_wait<0>();
        hold_registers(sums);
        if (unreleased >= 0) barrier_arrive(shared.empty(unreleased));
    }

    __device__ static void consumers_meet() {
        asm volatile("bar.sync 1, %0;" ::"n"(kConsumers * 128) : "memory");
    }

    // The first warpgroup adds what the others found, in their order; they are not needed any more then.
    template <int groups>
    __device__ __forceinline__ static void exchange(float (&sums)[groups][4], const Shared& shared) {
        const int consumer = threadIdx.x / 128;
        float* own = shared.partials + threadIdx.x % 128;
        constexpr int kConsumerFloats = kMostTokens / 2 * 128;
        if (consumer > 0)
#pragma unroll
            for (int i = 0; i < groups * 4; ++i)
                own[(consumer - 1) * kConsumerFloats + i * 128] = sums[i / 4][i % 4];
        consumers_meet();  // the others' sums are there
        if (consumer == 0)
#pragma unroll
            for (int i = 0; i < groups * 4; ++i)
                for (int other = 0; other + 1 < kConsumers; ++other)
                    sums[i / 4][i % 4] += own[other * kConsumerFloats + i * 128];
        consumers_meet();  // and read
    }

    __device__ __forceinline__ static void consume(const GemmProblem& problem, const Tile& tile,
                                                   const Shared& shared, Ring& ring) {
        const DeviceMatrix& w = problem.weights;
        const int rows_of_expert = w.rows / problem.experts;
        const int g = threadIdx.x % 32 / 4;
        const int warp = shared_columns ? threadIdx.x % 128 / 32 : threadIdx.x / 32;
        int rows[2];  // in the tile, of slot 0 and slot 1
#pragma unroll
        for (int slot = 0; slot < 2; ++slot) rows[slot] = warp * 16 + 2 * g + (slot ^ Weights::swaps(g));
        const auto run = [&]<int count>() __attribute__((always_inline)) {
            float sums[count / 8][4];
            accumulate<count>(sums, rows, w.columns, shared, ring);
            if constexpr (shared_columns) {
                exchange(sums, shared);
                if (threadIdx.x >= 128) return;
            }
            store_sums(problem.epilogue, tile, rows_of_expert, tile.weight_row + warp * 16,
                       Weights::swaps(g) != 0, 0, sums, shared.turns + warp * turn_bytes(kTurnedTokens));
        };
        const int tokens = tile.row_count;
        if constexpr (form == WarpgroupForm::wide) {
            if (tokens <= 16) return run.template operator()<16>();
            return run.template operator()<32>();
        } else {
            // Six counts and not eight: with more loops in one kernel the compiler runs out of registers and waits
            // after every product (its warning C7512). Columns past the tile's tokens are computed and not stored.
            if (tokens <= 32) return run.template operator()<32>();
            if (tokens <= 48) return run.template operator()<48>();
            if (tokens <= 64) return run.template operator()<64>();
            if (tokens <= 80) return run.template operator()<80>();
            if (tokens <= 96) return run.template operator()<96>();
            run.template operator()<128>();
        }
    }
};

template <PlaneType type, WarpgroupForm form>
__global__ void __launch_bounds__(WarpgroupGemm<type, form>::kThreads, 1)
    gemm_warpgroup_kernel(const __grid_constant__ GemmProblem problem,
                          const __grid_constant__ TokenGroup dense) {
    if constexpr (kHasWarpgroupMatrix) {
        using Gemm = WarpgroupGemm<type, form>;
        extern __shared__ std::byte shared_memory[];
        typename Gemm::Shared shared;
        shared.stages = (shared_address(shared_memory) + 1023) / 1024 * 1024;
        const std::uint32_t stages_end = shared.stages + Gemm::kStages * Gemm::kStageBytes;
        shared.partials =
            reinterpret_cast<float*>(shared_memory + (stages_end - shared_address(shared_memory)));
        shared.turns = stages_end + Gemm::kPartialBytes;
        shared.barriers = shared.turns + Gemm::kTurnBytes;
        if (threadIdx.x == 0) {
            for (int i = 0; i < Gemm::kStages; ++i) {
                barrier_init(shared.full(i), 128);
                barrier_init(shared.empty(i), Gemm::shared_columns ? 128 : Gemm::kConsumers * 128);
            }
        }
        __syncthreads();
        const int row_tiles = (problem.weights.rows / problem.experts + Gemm::kRows - 1) / Gemm::kRows;
        typename Gemm::Ring ring;
        Tile tile;
        wait_for_previous_stage();
        // Only now: the next stage may be one that takes the groups for settled.
        let_next_stage_start();
        if (threadIdx.x >= Gemm::kConsumers * 128) {
            if constexpr (Gemm::kMovesRegisters)
                asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Gemm::kProducerRegisters));
            for (int index = blockIdx.x; find_tile<Gemm::kRows>(problem, dense, row_tiles, index, tile);
                 index += gridDim.x)
                Gemm::produce(problem, tile, shared, ring);
        } else {
            if constexpr (Gemm::kMovesRegisters)
                asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Gemm::kConsumerRegisters));
            for (int index = blockIdx.x; find_tile<Gemm::kRows>(problem, dense, row_tiles, index, tile);
                 index += gridDim.x)
                Gemm::consume(problem, tile, shared, ring);
        }
    }
}

}  // namespace gptoss::backend::cuda

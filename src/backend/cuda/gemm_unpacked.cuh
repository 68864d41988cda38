// Dense products of prompts with wgmma (sm_90a), both operands float16 in shared memory. Before, the weights have been
// written as float16 once (gemm_unpacked.cu): then nothing is unpacked in the loop over the columns, where the other
// kernel does it again for every tile of tokens. Bits are the same: the same rounded weights, the same chain.
//
// A block stays for many tiles. One thread has boxes of both operands copied by the copy engine, several stages ahead;
// the warpgroups hold 64 weight rows each and multiply. `full` barriers count bytes that have landed, `empty` ones the
// warps that have read a stage.
#pragma once

#include "backend/cuda/gemm_pair_epilogue.cuh"
#include "backend/cuda/gemm_wgmma.cuh"

namespace gptoss::backend::cuda {

template <int rows, int tokens>
struct UnpackedGemm {
    static constexpr int kConsumers = rows / 64;
    static constexpr int kThreads = (kConsumers + 1) * 128;
    static constexpr int kRows = rows;
    static constexpr int kWeightBytes = kRows * 128, kTokenBytes = tokens * 128;  // of 64 columns
    static constexpr int kStageBytes = kWeightBytes + kTokenBytes;
    static constexpr int kStages = (227 * 1024 - 1024 - 256) / kStageBytes;
    static constexpr int kSharedBytes = kStages * kStageBytes + 1024 + 2 * kStages * 8;
    static_assert(kSharedBytes <= 227 * 1024, "a block's limit on sm_90");
    // 65,536 registers: 2 x 128 x 232 and 128 x 40, or 3 x 128 x 160 and 128 x 32.
    static constexpr int kConsumerRegisters = kConsumers == 2 ? 232 : 160,
                         kProducerRegisters = kConsumers == 2 ? 40 : 32;
    // Groups of eight tokens: with more the compiler has too few registers.
    static constexpr int kReadAhead = tokens > 128 ? 2 : 4;
    static constexpr int kBand = 8;  // token tiles

    using Ring = StageRing<kStages>;
    struct Shared {
        std::uint32_t stages;  // address of stage 0: weights, activations
        std::uint32_t barriers;
        __device__ std::uint32_t weights(int i) const { return stages + i * kStageBytes; }
        __device__ std::uint32_t activations(int i) const { return weights(i) + kWeightBytes; }
        __device__ std::uint32_t full(int i) const { return barriers + i * 8; }
        __device__ std::uint32_t empty(int i) const { return barriers + (kStages + i) * 8; }
    };

    // All threads; a barrier of the block must follow.
    __device__ static Shared divide_shared_memory() {
        extern __shared__ std::byte shared_memory[];
        Shared shared;
        shared.stages = (shared_address(shared_memory) + 1023) / 1024 * 1024;
        shared.barriers = shared.stages + kStages * kStageBytes;
        if (threadIdx.x == 0) {
            for (int i = 0; i < kStages; ++i) {
                barrier_init(shared.full(i), 1);
                barrier_init(shared.empty(i), kConsumers * 4);
            }
            fence_barrier_init();
        }
        return shared;
    }

    // Bands of token tiles, so that blocks that run at the same time share both operands in the L2 cache. False past
    // the last tile.
    __device__ static bool find(const GemmProblem& problem, int index, Tile& tile) {
        const int token_tiles = (problem.row_count + tokens - 1) / tokens;
        const int row_tiles = (problem.weights.rows + kRows - 1) / kRows;
        if (index >= token_tiles * row_tiles) return false;
        const int first = index / (kBand * row_tiles) * kBand;
        const int width = min(kBand, token_tiles - first), inside = index - first * row_tiles;
        tile.weight_row = inside / width * kRows;
        tile.first_row = (first + inside % width) * tokens;
        tile.row_count = min(tokens, problem.row_count - tile.first_row);
        return true;
    }

    // One thread. What lies outside of a matrix arrives as zeros.
    __device__ static void produce(const GemmProblem& problem, const CUtensorMap& weights,
                                   const CUtensorMap& activations, const Tile& tile, const Shared& shared,
                                   Ring& ring) {
        const int stages = problem.weights.columns / kPanelColumns;
        for (int s = 0; s < stages; ++s, ring.advance()) {
            barrier_wait(shared.empty(ring.stage), ring.phase ^ 1);
            const std::uint32_t full = shared.full(ring.stage);
            barrier_arrive_expecting(full, kStageBytes);
            copy_box_async(shared.weights(ring.stage), weights, s * kPanelColumns, tile.weight_row, full);
            copy_box_async(shared.activations(ring.stage), activations, s * kPanelColumns, tile.first_row,
                           full);
        }
    }

    __device__ __forceinline__ static void consume(const GemmProblem& problem, const Tile& tile,
                                                   const Shared& shared, Ring& ring) {
        float sums[tokens / 8][4];
#pragma unroll
        for (int i = 0; i < tokens / 8; ++i)
#pragma unroll
            for (int k = 0; k < 4; ++k) sums[i][k] = 0;
        const auto release = [&](int stage) {
            if (threadIdx.x % 32 == 0) barrier_arrive(shared.empty(stage));
        };
        const int stages = problem.weights.columns / kPanelColumns;
        const std::uint32_t own_rows = threadIdx.x / 128 * 64 * 128;
        int before = -1;
#pragma unroll 1
        for (int s = 0; s < stages; ++s, ring.advance()) {
            barrier_wait(shared.full(ring.stage), ring.phase);
            const std::uint64_t a = matrix_descriptor(shared.weights(ring.stage) + own_rows);
            const std::uint64_t b = matrix_descriptor(shared.activations(ring.stage));
            warpgroup_fence();
#pragma unroll
            for (int step = 0; step < 4; ++step)  // 16 columns are 32 bytes
                warpgroup_multiply_shared<tokens>(sums, a + 2 * step, b + 2 * step);
            warpgroup_commit();
            warpgroup_wait<1>();  // the stage before has been read
            if (before >= 0) release(before);
            before = ring.stage;
        }
        PairEpilogue<tokens / 8, kReadAhead> epilogue(problem.epilogue, tile, problem.weights.rows,
                                                      tile.weight_row + threadIdx.x / 32 * 16);
        epilogue.read_first();
        warpgroup_wait<0>();
        fence_accumulators(sums);
        release(before);
        epilogue.store(sums);
    }
};

template <int rows, int tokens>
__global__ void __launch_bounds__(UnpackedGemm<rows, tokens>::kThreads, 1)
    gemm_unpacked_kernel(const __grid_constant__ GemmProblem problem,
                         const __grid_constant__ CUtensorMap weights,
                         const __grid_constant__ CUtensorMap activations) {
    if constexpr (kHasWgmma) {
        using Gemm = UnpackedGemm<rows, tokens>;
        const typename Gemm::Shared shared = Gemm::divide_shared_memory();
        typename Gemm::Ring ring;
        Tile tile;
        __syncthreads();
        griddep_wait();
        griddep_launch_dependents();
        if (threadIdx.x >= Gemm::kConsumers * 128) {
            asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Gemm::kProducerRegisters));
            if (threadIdx.x == Gemm::kConsumers * 128)
                for (int index = blockIdx.x; Gemm::find(problem, index, tile); index += gridDim.x)
                    Gemm::produce(problem, weights, activations, tile, shared, ring);
        } else {
            asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Gemm::kConsumerRegisters));
            for (int index = blockIdx.x; Gemm::find(problem, index, tile); index += gridDim.x)
                Gemm::consume(problem, tile, shared, ring);
        }
    }
}

}  // namespace gptoss::backend::cuda

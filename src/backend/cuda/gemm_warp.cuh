// The matrix product with mma.sync, for every architecture from sm_80 on. Twelve warps: six groups of 32
// weight rows by two halves of the tokens. All threads copy ahead with cp.async, `kStages` stages of 64 columns.
#pragma once

#include "backend/cuda/gemm_epilogue.cuh"

namespace gptoss::backend::cuda {

template <WeightFormat type>
struct WarpGemm {
    static constexpr int kThreads = 384;
    static constexpr int kColumns = 64;
    using Weights = WeightStage<type, kColumns>;
    using Scales = ScaleStage<type, kColumns>;
    static constexpr int kStageBytes = Weights::kBytes + kPanelBytes + Scales::kBytes;
    // As deep as the 99 KB of the smaller architectures allow.
    static constexpr int kStages = (99 * 1024 - 1024 - kMaxTileTokens * 4) / kStageBytes;
    static_assert(kStages >= 2, "copies must run ahead of the arithmetic");
    static constexpr int kSharedBytes = kStages * kStageBytes + kMaxTileTokens * 4 + 1024;

    // Copies stage `stage` of the tile: packed weights, then the tokens' activations.
    __device__ static void copy_stage(const GemmProblem& problem, const Tile& tile, const int* sources,
                                      std::uint32_t to, int stage, int tokens) {
        const DeviceMatrix& w = problem.weights;
        const int rows_of_expert = w.rows / problem.experts;
        const std::byte* expert = w.values +
                                  std::int64_t{tile.expert} * rows_of_expert * w.value_stride_bytes +
                                  stage * Weights::kRowBytes;
        constexpr int kPieces = Weights::kRowBytes / 16;
        for (int i = threadIdx.x; i < kGemmTileRows * kPieces; i += kThreads) {
            const int row = i / kPieces, piece = i % kPieces;
            const int from = min(tile.weight_row + row, rows_of_expert - 1);
            copy_16_bytes_async_line(to + Weights::swizzled(row * Weights::kRowBytes + piece * 16),
                                     expert + from * w.value_stride_bytes + piece * 16);
        }
        if constexpr (Scales::kPresent) {
            if (threadIdx.x < kGemmTileRows) {
                const int from = min(tile.weight_row + static_cast<int>(threadIdx.x), rows_of_expert - 1);
                Scales::copy(
                    to + Weights::kBytes + kPanelBytes, threadIdx.x,
                    w.scales + (std::int64_t{tile.expert} * rows_of_expert + from) * w.scale_stride_bytes,
                    stage);
            }
        }
        for (int i = threadIdx.x; i < tokens * 8; i += kThreads) {
            const int token = i / 8, piece = i % 8;
            const __half* row = problem.activations + std::int64_t{sources[token]} * w.columns;
            copy_16_bytes_async_line(to + Weights::kBytes + token * 128 + ((piece ^ (token & 7)) << 4),
                                     row + stage * kColumns + piece * 8);
        }
    }

    template <int tokens>  // of one warp: half of the tile's
    __device__ static void run_tile(const GemmProblem& problem, const Tile& tile, const int* sources,
                                    std::uint32_t shared) {
        const DeviceMatrix& w = problem.weights;
        const int rows_of_expert = w.rows / problem.experts;
        const int stages = w.columns / kColumns;
        const int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, lane = threadIdx.x % 4;
        const int first_token = warp % 2 * tokens;

        int rows[2][2];
#pragma unroll
        for (int m = 0; m < 2; ++m)
#pragma unroll
            for (int slot = 0; slot < 2; ++slot)
                rows[m][slot] = warp / 2 * 32 + m * 16 + 2 * g + (slot ^ Weights::odd_row_first(g));

        float sums[2][tokens / 8][4] = {};
        for (int s = 0; s < kStages - 1; ++s) {
            if (s < stages) copy_stage(problem, tile, sources, shared + s * kStageBytes, s, 2 * tokens);
            commit_copies();
        }
        for (int s = 0; s < stages; ++s) {
            wait_for_copies<kStages - 2>();
            __syncthreads();  // stage s has landed for all; stage s - 1 has been read by all
            const int ahead = s + kStages - 1;
            if (ahead < stages)
                copy_stage(problem, tile, sources, shared + ahead % kStages * kStageBytes, ahead, 2 * tokens);
            commit_copies();

            const std::uint32_t weights = shared + s % kStages * kStageBytes;
            const std::uint32_t activations = weights + Weights::kBytes;
            std::uint32_t scales[2][2];
#pragma unroll
            for (int m = 0; m < 2; ++m)
#pragma unroll
                for (int slot = 0; slot < 2; ++slot)
                    scales[m][slot] = Scales::load(activations + kPanelBytes, rows[m][slot], s);
#pragma unroll
            for (int block = 0; block < Weights::kBlocks; ++block) {
                std::uint32_t a[2][2][4];
#pragma unroll
                for (int m = 0; m < 2; ++m) {
                    std::uint32_t words[2][Weights::kLaneWords];
#pragma unroll
                    for (int slot = 0; slot < 2; ++slot)
                        Weights::load(words[slot], weights + Weights::lane_offset(rows[m][slot], lane),
                                      block);
                    make_fragments<type, kColumns>(a[m], words, block, scales[m]);
                }
#pragma unroll
                for (int step = 0; step < 2; ++step) {
                    const int piece = block * 4 + step * 2;  // of 8 columns
                    multiply_step<tokens>(sums, a, step, activations, first_token, piece);
                }
            }
        }
        wait_for_copies<0>();
        __syncthreads();  // the next tile's copies may overwrite every stage
        static_assert(kThreads / 32 * turn_bytes(kTurnedTokens) <= kStages * kStageBytes,
                      "the turn takes the stages' place");
#pragma unroll
        for (int m = 0; m < 2; ++m)
            store_sums(problem.epilogue, tile, rows_of_expert, tile.weight_row + warp / 2 * 32 + m * 16,
                       Weights::odd_row_first(g) != 0, first_token, sums[m],
                       shared + warp * turn_bytes(kTurnedTokens));
    }

    // Sixteen columns: all of the warp's tokens against its 32 rows.
    template <int tokens>
    __device__ static void multiply_step(float (&sums)[2][tokens / 8][4], const std::uint32_t (&a)[2][2][4],
                                         int step, std::uint32_t activations, int first_token, int piece) {
        const int thread = threadIdx.x % 32;
        const int token = first_token + thread % 8;
        if constexpr (tokens == 8) {
            std::uint32_t b[2];
            load_matrices(b, activations + token * 128 + (((piece + thread / 8 % 2) ^ (token & 7)) << 4));
            for (int m = 0; m < 2; ++m) MmaF16::multiply_add(sums[m][0], a[m][step], b[0], b[1]);
        } else {
#pragma unroll
            for (int j = 0; j < tokens / 16; ++j) {
                std::uint32_t b[4];
                const int row = token + j * 16 + thread / 16 * 8;
                load_matrices(b, activations + row * 128 + (((piece + thread / 8 % 2) ^ (row & 7)) << 4));
#pragma unroll
                for (int m = 0; m < 2; ++m) {
                    MmaF16::multiply_add(sums[m][2 * j], a[m][step], b[0], b[1]);
                    MmaF16::multiply_add(sums[m][2 * j + 1], a[m][step], b[2], b[3]);
                }
            }
        }
    }
};

template <WeightFormat type>
__global__ void __launch_bounds__(WarpGemm<type>::kThreads, 1)
    gemm_warp_kernel(const GemmProblem problem, const TokenGroup dense) {
    extern __shared__ std::byte shared_memory[];
    griddep_wait();
    griddep_launch_dependents();
    // With 1024-byte alignment the swizzle is a function of the row alone.
    const std::uint32_t shared = (shared_address(shared_memory) + 1023) / 1024 * 1024;
    int* sources = reinterpret_cast<int*>(shared_memory + (shared - shared_address(shared_memory)) +
                                          WarpGemm<type>::kStages * WarpGemm<type>::kStageBytes);
    const int row_tiles = (problem.weights.rows / problem.experts + kGemmTileRows - 1) / kGemmTileRows;
    Tile tile;
    for (int index = blockIdx.x; find_tile(problem.groups, dense, row_tiles, index, tile);
         index += gridDim.x) {
        for (int i = threadIdx.x; i < kMaxTileTokens; i += blockDim.x)
            sources[i] = source_row(problem, tile.first_row + min(i, tile.row_count - 1));
        __syncthreads();
        if (tile.row_count <= 16)
            WarpGemm<type>::template run_tile<8>(problem, tile, sources, shared);
        else if (tile.row_count <= 32)
            WarpGemm<type>::template run_tile<16>(problem, tile, sources, shared);
        else if (tile.row_count <= 64)
            WarpGemm<type>::template run_tile<32>(problem, tile, sources, shared);
        else
            WarpGemm<type>::template run_tile<64>(problem, tile, sources, shared);
        __syncthreads();
    }
}

}  // namespace gptoss::backend::cuda

// The matrix product with mma.sync, for every architecture from sm_80 on. Groups of 16 or 32 weight rows by two halves of
// the tokens, a warp each. All threads copy ahead with cp.async, in stages of 64 columns.
#pragma once

#include "backend/cuda/gemm_epilogue.cuh"
#include "backend/cuda/plan/few_rows_tile.h"

namespace gptoss::backend::cuda {

// Tiles of 192 weight rows by up to 128 tokens, or of 64 by up to 64: few tokens make few tiles, and every SM should have one.
template <WeightFormat type, int tile_rows>
struct WarpGemm {
    static constexpr int kRows = tile_rows;
    static constexpr int kWarpRows = tile_rows == kFewWeightRows ? 16 : 32, kParts = kWarpRows / 16;
    static constexpr int kMostTokens = tile_rows == kFewWeightRows ? kTokensOfFewWeightRows : kMaxTileTokens;
    static constexpr int kThreads = tile_rows / kWarpRows * 2 * 32;
    static constexpr int kColumns = 64;
    using Weights = WeightStage<type, kColumns>;
    using Scales = ScaleStage<type, kColumns>;
    static constexpr int kWeightBytes = tile_rows * Weights::kRowBytes;
    // As deep as the 99 KB of the smaller architectures allow.
    static constexpr int kRingBytes = 99 * 1024 - 1024 - kMostTokens * 4, kMostStages = 12;
    static constexpr int kSharedBytes = 99 * 1024;
    static constexpr int stage_bytes(int tokens) { return kWeightBytes + tokens * 128 + Scales::kBytes; }
    static constexpr int stage_count(int tokens) {
        const int fit = kRingBytes / stage_bytes(tokens);
        return fit < kMostStages ? fit : kMostStages;
    }
    static_assert(stage_count(kMostTokens) >= 2, "copies must run ahead of the arithmetic");

    // Copies stage `stage` of the tile: packed weights, then the tokens' activations.
    __device__ static void copy_stage(const GemmProblem& problem, const Tile& tile, const int* sources,
                                      std::uint32_t to, int stage, int tokens) {
        const DeviceMatrix& w = problem.weights;
        const int rows_of_expert = w.rows / problem.experts;
        const std::byte* expert = w.values +
                                  std::int64_t{tile.expert} * rows_of_expert * w.value_stride_bytes +
                                  stage * Weights::kRowBytes;
        constexpr int kPieces = Weights::kRowBytes / 16;
        for (int i = threadIdx.x; i < kRows * kPieces; i += kThreads) {
            const int row = i / kPieces, piece = i % kPieces;
            const int from = min(tile.weight_row + row, rows_of_expert - 1);
            copy_16_bytes_async_line(to + Weights::swizzled(row * Weights::kRowBytes + piece * 16),
                                     expert + from * w.value_stride_bytes + piece * 16);
        }
        if constexpr (Scales::kPresent) {
            if (threadIdx.x < kRows) {
                const int from = min(tile.weight_row + static_cast<int>(threadIdx.x), rows_of_expert - 1);
                Scales::copy(
                    to + kWeightBytes + tokens * 128, threadIdx.x,
                    w.scales + (std::int64_t{tile.expert} * rows_of_expert + from) * w.scale_stride_bytes,
                    stage);
            }
        }
        for (int i = threadIdx.x; i < tokens * 8; i += kThreads) {
            const int token = i / 8, piece = i % 8;
            const __half* row = problem.activations + std::int64_t{sources[token]} * w.columns;
            copy_16_bytes_async_line(to + kWeightBytes + token * 128 + ((piece ^ (token & 7)) << 4),
                                     row + stage * kColumns + piece * 8);
        }
    }

    template <int tokens>  // of one warp: half of the tile's
    __device__ static void run_tile(const GemmProblem& problem, const Tile& tile, const int* sources,
                                    std::uint32_t shared) {
        const DeviceMatrix& w = problem.weights;
        const int rows_of_expert = w.rows / problem.experts;
        const int stages = w.columns / kColumns;
        constexpr int kStages = stage_count(2 * tokens), kStageBytes = stage_bytes(2 * tokens);
        const int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, lane = threadIdx.x % 4;
        const int first_token = warp % 2 * tokens;

        int rows[kParts][2];
#pragma unroll
        for (int m = 0; m < kParts; ++m)
#pragma unroll
            for (int slot = 0; slot < 2; ++slot)
                rows[m][slot] = warp / 2 * kWarpRows + m * 16 + 2 * g + (slot ^ Weights::odd_row_first(g));

        float sums[kParts][tokens / 8][4] = {};
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
            const std::uint32_t activations = weights + kWeightBytes;
            std::uint32_t scales[kParts][2];
#pragma unroll
            for (int m = 0; m < kParts; ++m)
#pragma unroll
                for (int slot = 0; slot < 2; ++slot)
                    scales[m][slot] = Scales::load(activations + 2 * tokens * 128, rows[m][slot], s);
#pragma unroll
            for (int block = 0; block < Weights::kBlocks; ++block) {
                std::uint32_t a[kParts][2][4];
#pragma unroll
                for (int m = 0; m < kParts; ++m) {
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
        for (int m = 0; m < kParts; ++m)
            store_sums(problem.epilogue, tile, rows_of_expert,
                       tile.weight_row + warp / 2 * kWarpRows + m * 16, Weights::odd_row_first(g) != 0,
                       first_token, sums[m], shared + warp * turn_bytes(kTurnedTokens));
    }

    // Sixteen columns: all of the warp's tokens against its rows.
    template <int tokens>
    __device__ static void multiply_step(float (&sums)[kParts][tokens / 8][4],
                                         const std::uint32_t (&a)[kParts][2][4], int step,
                                         std::uint32_t activations, int first_token, int piece) {
        const int thread = threadIdx.x % 32;
        const int token = first_token + thread % 8;
        if constexpr (tokens == 8) {
            std::uint32_t b[2];
            load_matrices(b, activations + token * 128 + (((piece + thread / 8 % 2) ^ (token & 7)) << 4));
            for (int m = 0; m < kParts; ++m) MmaF16::multiply_add(sums[m][0], a[m][step], b[0], b[1]);
        } else {
#pragma unroll
            for (int j = 0; j < tokens / 16; ++j) {
                std::uint32_t b[4];
                const int row = token + j * 16 + thread / 16 * 8;
                load_matrices(b, activations + row * 128 + (((piece + thread / 8 % 2) ^ (row & 7)) << 4));
#pragma unroll
                for (int m = 0; m < kParts; ++m) {
                    MmaF16::multiply_add(sums[m][2 * j], a[m][step], b[0], b[1]);
                    MmaF16::multiply_add(sums[m][2 * j + 1], a[m][step], b[2], b[3]);
                }
            }
        }
    }
};

template <WeightFormat type, int tile_rows>
__global__ void __launch_bounds__(WarpGemm<type, tile_rows>::kThreads, 1)
    gemm_warp_kernel(const GemmProblem problem, const TokenGroup dense) {
    using Gemm = WarpGemm<type, tile_rows>;
    extern __shared__ std::byte shared_memory[];
    griddep_wait();
    griddep_launch_dependents();
    // With 1024-byte alignment the swizzle is a function of the row alone.
    const std::uint32_t shared = (shared_address(shared_memory) + 1023) / 1024 * 1024;
    int* sources =
        reinterpret_cast<int*>(shared_memory + (shared - shared_address(shared_memory)) + Gemm::kRingBytes);
    const int row_tiles = (problem.weights.rows / problem.experts + tile_rows - 1) / tile_rows;
    Tile tile;
    for (int index = blockIdx.x; find_tile<tile_rows>(problem.groups, dense, row_tiles, index, tile);
         index += gridDim.x) {
        for (int i = threadIdx.x; i < Gemm::kMostTokens; i += blockDim.x)
            sources[i] = source_row(problem, tile.first_row + min(i, tile.row_count - 1));
        __syncthreads();
        if (tile.row_count <= 16)
            Gemm::template run_tile<8>(problem, tile, sources, shared);
        else if (tile.row_count <= 32)
            Gemm::template run_tile<16>(problem, tile, sources, shared);
        else if (Gemm::kMostTokens <= 64 || tile.row_count <= 64)
            Gemm::template run_tile<32>(problem, tile, sources, shared);
        else if constexpr (Gemm::kMostTokens > 64)
            Gemm::template run_tile<64>(problem, tile, sources, shared);
        __syncthreads();
    }
}

}  // namespace gptoss::backend::cuda

// Dense products of few tokens, q8_0, in the order of the tiled products (docs/numerics.md): a weight is its int8 times
// its scale, rounded to float16, and a sum's columns are one chain. Tiles of 192 weight rows are too few for all SMs,
// and K must not be shared; so every warp streams 16 rows past all tokens through a ring of its own.
//
// The fragments are those of gemm_stream.cuh: row g of the matrix instruction is weight row 2g, row g + 8 weight row
// 2g + 1.
#pragma once

#include "backend/cuda/gemm_epilogue.cuh"

namespace gptoss::backend::cuda {

// 8 or 16 tokens.
template <int tokens>
struct RowStream {
    static constexpr int kWarps = 4, kThreads = kWarps * 32, kDepth = 8;
    static constexpr int kRows = kRowStreamRows;
    static constexpr int kRowBytes = 128;  // of a K-tile: 4 blocks of 32 columns
    static constexpr int kBlocks = 4;
    static constexpr int kValueBytes = kRows * kRowBytes;
    static constexpr int kKTileBytes = kValueBytes + kRows * kBlocks * 2;
    static constexpr int kRingBytes = kDepth * kKTileBytes;
    static constexpr int kGroups = tokens / 8;

    // 16 bytes more than the columns take: a column of eight tokens lies in eight different banks.
    static constexpr int stride_bytes(int columns) { return columns * 2 + 16; }
    static constexpr int shared_bytes(int columns) {
        return kWarps * (kRingBytes + turn_bytes(tokens)) + tokens * stride_bytes(columns);
    }

    // Where a 16-byte chunk of a row lies: a lane reads half a chunk, and four neighbouring even (or odd) rows' blocks
    // lie in different banks.
    __device__ static std::uint32_t swizzled(int row, int chunk) {
        return static_cast<std::uint32_t>(row * kRowBytes + ((chunk ^ (row / 2 % 4 * 2)) & 7) * 16);
    }

    // A K-tile of the rows of a tile, into place `slot` of the warp's ring.
    __device__ static void load(const DeviceMatrix& w, std::int64_t first_row, int k_tile, std::uint32_t ring,
                                int slot) {
        const int lane = threadIdx.x % 32, row = lane / 8, chunk = lane % 8;
        const std::uint32_t to = ring + slot * kKTileBytes;
        if (k_tile * kRowBytes + chunk * 16 < w.columns) {
#pragma unroll
            for (int i = 0; i < 4; ++i)
                copy_16_bytes_async_line(to + swizzled(row + 4 * i, chunk),
                                         w.values + (first_row + row + 4 * i) * w.value_stride_bytes +
                                             k_tile * kRowBytes + chunk * 16);
        }
        if (lane < kRows)
            copy_8_bytes_async(to + kValueBytes + lane * kBlocks * 2,
                               w.scales + (first_row + lane) * w.scale_stride_bytes + k_tile * kBlocks * 2);
    }

    // `blocks` of the K-tile exist.
    __device__ static void multiply(float (&sums)[kGroups][4], std::uint32_t k_tile,
                                    std::uint32_t activations, int stride, int blocks) {
        const int g = threadIdx.x % 32 / 4, c = threadIdx.x % 4;
        std::uint32_t scales[4];  // of rows 2g and 2g + 1, two words each
        load_shared(scales, k_tile + kValueBytes + g * 2 * kBlocks * 2);
#pragma unroll
        for (int block = 0; block < kBlocks; ++block) {
            if (block >= blocks) break;
            std::uint32_t words[2][2], values[2][2][2];
#pragma unroll
            for (int odd = 0; odd < 2; ++odd) {
                load_shared(words[odd], k_tile + swizzled(2 * g + odd, block * 2 + c / 2) + c % 2 * 8);
                const __half2 scale =
                    as_half2(__byte_perm(scales[odd * 2 + block / 2], 0, block % 2 == 0 ? 0x1010 : 0x3232));
                unpack_int8(words[odd][0], scale, values[odd][0]);
                unpack_int8(words[odd][1], scale, values[odd][1]);
            }
#pragma unroll
            for (int group = 0; group < kGroups; ++group) {
                std::uint32_t b[4];
                load_matrices(b, activations + group * 8 * stride + block * 64);
#pragma unroll
                for (int step = 0; step < 2; ++step) {
                    const std::uint32_t a[4] = {values[0][step][0], values[1][step][0], values[0][step][1],
                                                values[1][step][1]};
                    MmaF16::multiply_add(sums[group], a, b[2 * step], b[2 * step + 1]);
                }
            }
        }
    }
};

// Blocks take every gridDim.x-th tile, so that each SM has as many; their warps take turns.
template <int tokens>
__global__ void __launch_bounds__(RowStream<tokens>::kThreads, 1)
    gemm_row_stream_kernel(const __grid_constant__ GemmProblem problem) {
    using Gemm = RowStream<tokens>;
    const DeviceMatrix& w = problem.weights;
    std::byte* shared = dynamic_shared();
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int stride = Gemm::stride_bytes(w.columns);
    const int k_tiles = (w.columns + Gemm::kRowBytes - 1) / Gemm::kRowBytes;
    const std::uint32_t ring = shared_address(shared) + warp * Gemm::kRingBytes,
                        turn = shared_address(shared) + Gemm::kWarps * Gemm::kRingBytes +
                               warp * turn_bytes(tokens);
    std::byte* activations = shared + Gemm::kWarps * (Gemm::kRingBytes + turn_bytes(tokens));
    griddep_launch_dependents();

    // What is loaded is counted in K-tiles over all tiles of the warp; the weights wait for no other kernel.
    const int tiles = w.rows / Gemm::kRows, step = static_cast<int>(gridDim.x) * Gemm::kWarps;
    int next_tile = static_cast<int>(blockIdx.x) + static_cast<int>(gridDim.x) * warp, next_k_tile = 0;
    const auto load_next = [&](int slot) {
        if (next_tile < tiles) {
            Gemm::load(w, std::int64_t{next_tile} * Gemm::kRows, next_k_tile, ring, slot);
            if (++next_k_tile == k_tiles) {
                next_k_tile = 0;
                next_tile += step;
            }
        }
        commit_copies();
    };
    int slot = 0;
    for (; slot < Gemm::kDepth; ++slot) load_next(slot);
    slot = 0;
    griddep_wait();
    // What is computed for tokens past the last is not stored; their places stay as they are.
    for (int i = threadIdx.x; i < problem.row_count * (w.columns / 8); i += Gemm::kThreads) {
        const int token = i / (w.columns / 8), piece = i % (w.columns / 8);
        reinterpret_cast<uint4*>(activations + token * stride)[piece] =
            reinterpret_cast<const uint4*>(problem.activations + std::int64_t{token} * w.columns)[piece];
    }
    __syncthreads();

    const std::uint32_t own = shared_address(activations) + lane % 8 * stride + lane / 8 * 16;
    for (int number = static_cast<int>(blockIdx.x) + static_cast<int>(gridDim.x) * warp; number < tiles;
         number += step) {
        float sums[Gemm::kGroups][4] = {};
        for (int k_tile = 0; k_tile < k_tiles; ++k_tile) {
            wait_for_copies<Gemm::kDepth - 1>();
            __syncwarp();  // every lane's copies have landed
            Gemm::multiply(sums, ring + slot * Gemm::kKTileBytes, own + k_tile * Gemm::kRowBytes * 2, stride,
                           (w.columns - k_tile * Gemm::kRowBytes) / kQuantBlock);
            __syncwarp();  // every lane has read the K-tile
            load_next(slot);
            slot = slot + 1 == Gemm::kDepth ? 0 : slot + 1;
        }
        store_sums(problem.epilogue, {0, number * Gemm::kRows, 0, problem.row_count}, w.rows,
                   number * Gemm::kRows, false, 0, sums, turn);
    }
}

}  // namespace gptoss::backend::cuda

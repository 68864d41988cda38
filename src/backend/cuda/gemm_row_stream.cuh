// Dense products of few tokens, q8_0, in the order of the tiled products (docs/numerics.md): a weight is its int8 times
// its scale, rounded to float16, and a sum's columns are one chain. Tiles of 192 weight rows are too few for all SMs,
// and K must not be shared; so every warp streams 16 rows past all tokens through a ring of its own. What bounds it is
// the chain: a matrix instruction waits some 33 cycles for the one before. All else is done meanwhile: the operands of a
// block are made while the one before is multiplied, across K-tiles, without a branch among them.
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
    static constexpr int shared_bytes(int columns, int stored = tokens) {
        return kWarps * (kRingBytes + turn_bytes(tokens)) + stored * stride_bytes(columns);
    }

    // Where a 16-byte chunk of a row lies: a lane reads half a chunk, and four neighbouring even (or odd) rows' blocks
    // lie in different banks.
    __device__ static std::uint32_t swizzled(int row, int chunk) {
        return static_cast<std::uint32_t>(row * kRowBytes + ((chunk ^ (row / 2 % 4 * 2)) & 7) * 16);
    }

    // Copies the K-tiles of 16 rows into the warp's ring, one after the other.
    class Loader {
      public:
        __device__ Loader(const DeviceMatrix& w, int tile, std::uint32_t ring)
            : ring_(ring),
              columns_left_(w.columns - lane() % 8 * 16),
              scale_columns_left_(w.columns - lane() % 2 * 2 * kQuantBlock),
              four_rows_(4 * w.value_stride_bytes),
              values_(w.values + (std::int64_t{tile} * kRows + lane() / 8) * w.value_stride_bytes +
                      lane() % 8 * 16),
              scales_(w.scales + (std::int64_t{tile} * kRows + lane() / 2) * w.scale_stride_bytes +
                      lane() % 2 * 4) {}
        // Always closes a group of copies, so that counting groups counts K-tiles; zeros past the last one. Without a
        // branch: it stands among matrix instructions.
        __device__ void load(int slot) {
            const std::uint32_t to = ring_ + slot * kKTileBytes;
#pragma unroll
            for (int i = 0; i < 4; ++i)
                copy_16_bytes_async_line(to + swizzled(lane() / 8 + 4 * i, lane() % 8),
                                         values_ + i * four_rows_, columns_left_ > 0);
            copy_4_bytes_async(to + kValueBytes + lane() * 4, scales_, scale_columns_left_ > 0);
            commit_copies();
            values_ += kRowBytes;
            scales_ += kBlocks * 2;
            columns_left_ -= kRowBytes;
            scale_columns_left_ -= kRowBytes;
        }

      private:
        __device__ static int lane() {
            return threadIdx.x % 32;
        }

        std::uint32_t ring_;
        int columns_left_, scale_columns_left_;
        std::int64_t four_rows_;
        const std::byte *values_, *scales_;
    };

    // A lane's share of a K-tile, as it lies in memory.
    struct KTile {
        std::uint32_t words[kBlocks][2][2];  // [block][row 2g, 2g + 1]
        std::uint32_t scales[4];             // of rows 2g and 2g + 1, two words each

        __device__ void read(std::uint32_t from) {
            const int g = threadIdx.x % 32 / 4, c = threadIdx.x % 4;
            load_shared(scales, from + kValueBytes + g * 2 * kBlocks * 2);
#pragma unroll
            for (int block = 0; block < kBlocks; ++block)
#pragma unroll
                for (int odd = 0; odd < 2; ++odd)
                    load_shared(words[block][odd],
                                from + swizzled(2 * g + odd, block * 2 + c / 2) + c % 2 * 8);
        }
    };

    // Both operands of 32 columns, ready for the matrix instructions of two steps.
    struct Operands {
        std::uint32_t weights[2][4], activations[kGroups][4];

        __device__ void make(const KTile& k_tile, int block, std::uint32_t columns, int stride) {
#pragma unroll
            for (int odd = 0; odd < 2; ++odd) {
                const __half2 scale = as_half2(
                    __byte_perm(k_tile.scales[odd * 2 + block / 2], 0, block % 2 == 0 ? 0x1010 : 0x3232));
#pragma unroll
                for (int step = 0; step < 2; ++step) {
                    std::uint32_t values[2];
                    unpack_int8(k_tile.words[block][odd][step], scale, values);
                    weights[step][odd] = values[0];
                    weights[step][2 + odd] = values[1];
                }
            }
#pragma unroll
            for (int group = 0; group < kGroups; ++group)
                load_matrices(activations[group], columns + group * 8 * stride + block * 64);
        }
        __device__ void multiply(float (&sums)[kGroups][4]) const {
#pragma unroll
            for (int step = 0; step < 2; ++step)
#pragma unroll
                for (int group = 0; group < kGroups; ++group)
                    MmaF16::multiply_add(sums[group], weights[step], activations[group][2 * step],
                                         activations[group][2 * step + 1]);
        }
    };

    // All columns of a tile; the ring's first K-tiles are on their way. `activations`: where a lane reads.
    __device__ static void multiply_tile(float (&sums)[kGroups][4], Loader& loader, std::uint32_t ring,
                                         std::uint32_t activations, int stride, int columns) {
        const int k_tiles = (columns + kRowBytes - 1) / kRowBytes;
        KTile now, next;
        Operands operands;
        int slot = 0;
        wait_for_copies<kDepth - 1>();
        __syncwarp();  // every lane's copies have landed
        now.read(ring);
        operands.make(now, 0, activations, stride);
#pragma unroll 2
        for (int k_tile = 1; k_tile < k_tiles; ++k_tile) {
            wait_for_copies<kDepth - 2>();
            __syncwarp();  // every lane's copies have landed, and every lane has read the K-tile before
            loader.load(slot);
            slot = slot + 1 == kDepth ? 0 : slot + 1;
            next.read(ring + slot * kKTileBytes);
#pragma unroll
            for (int block = 1; block <= kBlocks; ++block) {
                Operands following;
                if (block < kBlocks)
                    following.make(now, block, activations, stride);
                else
                    following.make(next, 0, activations + kRowBytes * 2, stride);
                operands.multiply(sums);
                operands = following;
            }
            activations += kRowBytes * 2;
            now = next;
        }
        operands.multiply(sums);
        const int last_blocks = (columns - (k_tiles - 1) * kRowBytes) / kQuantBlock;
#pragma unroll
        for (int block = 1; block < kBlocks; ++block) {
            if (block >= last_blocks) break;
            operands.make(now, block, activations, stride);
            operands.multiply(sums);
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
    const std::uint32_t ring = shared_address(shared) + warp * Gemm::kRingBytes,
                        turn = shared_address(shared) + Gemm::kWarps * Gemm::kRingBytes +
                               warp * turn_bytes(tokens);
    std::byte* activations = shared + Gemm::kWarps * (Gemm::kRingBytes + turn_bytes(tokens));
    griddep_launch_dependents();

    const int tiles = w.rows / Gemm::kRows, step = static_cast<int>(gridDim.x) * Gemm::kWarps;
    int number = static_cast<int>(blockIdx.x) + static_cast<int>(gridDim.x) * warp;
    // The weights wait for no other kernel. Nearly always a warp has one tile, or none.
    typename Gemm::Loader loader(w, min(number, tiles - 1), ring);
    if (number < tiles)
        for (int slot = 0; slot < Gemm::kDepth; ++slot) loader.load(slot);
    griddep_wait();
    // What is computed for tokens past the last is not stored.
    for (int i = threadIdx.x; i < problem.row_count * (w.columns / 8); i += Gemm::kThreads) {
        const int token = i / (w.columns / 8), piece = i % (w.columns / 8);
        reinterpret_cast<uint4*>(activations + token * stride)[piece] =
            reinterpret_cast<const uint4*>(problem.activations + std::int64_t{token} * w.columns)[piece];
    }
    __syncthreads();

    // Of fewer than eight tokens the last again: there may be no room for more.
    const std::uint32_t own =
        shared_address(activations) + min(lane % 8, problem.row_count - 1) * stride + lane / 8 * 16;
    while (number < tiles) {
        float sums[Gemm::kGroups][4] = {};
        Gemm::multiply_tile(sums, loader, ring, own, stride, w.columns);
        store_sums(problem.epilogue, {0, number * Gemm::kRows, 0, problem.row_count}, w.rows,
                   number * Gemm::kRows, false, 0, sums, turn);
        if ((number += step) >= tiles) break;
        wait_for_copies<0>();
        __syncwarp();  // every lane has read the last K-tile
        loader = typename Gemm::Loader(w, number, ring);
        for (int slot = 0; slot < Gemm::kDepth; ++slot) loader.load(slot);
    }
}

}  // namespace gptoss::backend::cuda

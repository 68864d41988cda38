// Dense products of few tokens, q8_0, at the memory's speed: the warps of a block share the columns of 16 weight rows, so
// that as many blocks as there are SMs read. A warp owns the same few K-tiles of 64 columns of every tile: its share of the
// activations stays in registers, and weights alone go through shared memory, through a ring of the warp's own that runs on
// from tile to tile. Its sums of a tile go to shared memory, where one warp for eight tokens, another for every tile, adds
// them up, in the order of the columns: the same input gives the same bits.
//
// The fragments are those of gemm_stream.cuh: row g of the matrix instruction is weight row 2g, row g + 8 weight row
// 2g + 1.
#pragma once

#include "backend/cuda/gemm_epilogue.cuh"
#include "backend/cuda/word_exchange.cuh"

namespace gptoss::backend::cuda {

// 8 tokens a group, one or two; `k_tiles` of a warp, three or four.
template <int groups, int k_tiles>
struct ColumnStream {
    static constexpr int kWarps = 16, kThreads = kWarps * 32, kDepth = groups == 1 ? 4 : 3;
    static constexpr int kRows = kColumnStreamRows;
    static constexpr int kBlocks = 2, kRowBytes = kBlocks * kQuantBlock;  // of a K-tile
    static constexpr int kValueBytes = kRows * kRowBytes, kKTileBytes = kValueBytes + kRows * kBlocks * 2;
    static constexpr int kPartBytes = kRows * 8 * 4;  // a warp's sums of eight tokens
    static constexpr int kPartsBytes = groups * kWarps * kPartBytes;
    static constexpr int kRingBytes = kDepth * kKTileBytes;  // of a warp
    static constexpr int kSharedBytes = kWarps * kRingBytes + 2 * kPartsBytes;
    static_assert(kSharedBytes <= 99 * 1024, "every card has room");

    // Where a 16-byte chunk of a row lies, two rows in 128 bytes: a lane reads half a chunk, and four neighbouring even (or
    // odd) rows' blocks lie in different banks.
    __device__ static std::uint32_t swizzled(int row, int chunk) {
        return static_cast<std::uint32_t>(row / 2 * 128 + ((row % 2 * 4 + chunk) ^ (row / 2 % 4 * 2)) * 16);
    }

    // Copies the warp's K-tiles of one tile after the other into its ring.
    class Loader {
      public:
        __device__ Loader(const DeviceMatrix& w, std::uint32_t ring, int first_k_tile)
            : ring_(ring),
              tiles_left_((w.rows / kRows - static_cast<int>(blockIdx.x) + static_cast<int>(gridDim.x) - 1) /
                          static_cast<int>(gridDim.x)),
              k_tiles_(w.columns / kRowBytes - first_k_tile),
              eight_rows_(8 * w.value_stride_bytes),
              to_next_values_(std::int64_t{gridDim.x} * kRows * w.value_stride_bytes - k_tiles * kRowBytes),
              to_next_scales_(std::int64_t{gridDim.x} * kRows * w.scale_stride_bytes -
                              k_tiles * kBlocks * 2) {
            const int lane = threadIdx.x % 32;
            const std::int64_t row = std::int64_t{blockIdx.x} * kRows;
            values_ =
                w.values + (row + lane / 4) * w.value_stride_bytes + first_k_tile * kRowBytes + lane % 4 * 16;
            scales_ = w.scales + (row + lane % kRows) * w.scale_stride_bytes + first_k_tile * kBlocks * 2;
        }
        // Always closes a group of copies, so that counting groups counts K-tiles; zeros past the last column.
        __device__ void load(int slot) {
            const int lane = threadIdx.x % 32;
            const std::uint32_t to = ring_ + slot * kKTileBytes;
            if (tiles_left_ > 0) {
                const bool valid = k_tile_ < k_tiles_;
                copy_16_bytes_async_line(to + swizzled(lane / 4, lane % 4), values_, valid);
                copy_16_bytes_async_line(to + swizzled(lane / 4 + 8, lane % 4), values_ + eight_rows_, valid);
                if (lane < kRows) copy_4_bytes_async(to + kValueBytes + lane * 4, scales_, valid);
            }
            commit_copies();
            values_ += kRowBytes;
            scales_ += kBlocks * 2;
            if (++k_tile_ < k_tiles) return;
            k_tile_ = 0;
            --tiles_left_;
            values_ += to_next_values_;
            scales_ += to_next_scales_;
        }

      private:
        std::uint32_t ring_;
        int tiles_left_, k_tiles_, k_tile_ = 0;
        std::int64_t eight_rows_, to_next_values_, to_next_scales_;
        const std::byte *values_, *scales_;
    };

    // What a lane holds of a K-tile's activations: b[0..1] of a block's first matrix instruction, of its second.
    using Operands = std::uint32_t[kBlocks][groups][4];

    // Zeros for tokens and columns that are not there.
    __device__ static void load_operands(Operands (&operands)[k_tiles], const GemmProblem& problem,
                                         const Tile& tile, int first_k_tile) {
        const int lane = threadIdx.x % 32, columns = problem.weights.columns;
        uint4 pieces[k_tiles][kBlocks][groups];
#pragma unroll
        for (int i = 0; i < k_tiles; ++i)
#pragma unroll
            for (int block = 0; block < kBlocks; ++block)
#pragma unroll
                for (int group = 0; group < groups; ++group) {
                    const int token = group * 8 + lane / 4, column = (first_k_tile + i) * kRowBytes;
                    pieces[i][block][group] = uint4{};
                    if (token < tile.row_count && column < columns)
                        pieces[i][block][group] = __ldcg(reinterpret_cast<const uint4*>(
                            problem.activations + std::int64_t{tile.first_row + token} * columns + column +
                            block * kQuantBlock + lane % 4 * 8));
                }
#pragma unroll
        for (int i = 0; i < k_tiles; ++i)
#pragma unroll
            for (int block = 0; block < kBlocks; ++block)
#pragma unroll
                for (int group = 0; group < groups; ++group)
                    exchange_words(operands[i][block][group], pieces[i][block][group]);
    }

    __device__ static void multiply(float (&sums)[groups][4], std::uint32_t k_tile,
                                    const Operands& operands) {
        const int g = threadIdx.x % 32 / 4, c = threadIdx.x % 4;
        std::uint32_t scales[2];  // of rows 2g and 2g + 1, both blocks
        load_shared(scales, k_tile + kValueBytes + g * 8);
#pragma unroll
        for (int block = 0; block < kBlocks; ++block) {
            std::uint32_t weights[2][4];
#pragma unroll
            for (int odd = 0; odd < 2; ++odd) {
                std::uint32_t words[2];
                load_shared(words, k_tile + swizzled(2 * g + odd, block * 2 + c / 2) + c % 2 * 8);
                const __half2 scale = as_half2(__byte_perm(scales[odd], 0, block == 0 ? 0x1010 : 0x3232));
#pragma unroll
                for (int step = 0; step < 2; ++step) {
                    std::uint32_t values[2];
                    unpack_int8(words[step], scale, values);
                    weights[step][odd] = values[0];
                    weights[step][2 + odd] = values[1];
                }
            }
#pragma unroll
            for (int step = 0; step < 2; ++step)
#pragma unroll
                for (int group = 0; group < groups; ++group)
                    MmaF16::multiply_add(sums[group], weights[step], operands[block][group][2 * step],
                                         operands[block][group][2 * step + 1]);
        }
    }

    // The sums of all warps for eight tokens, from their parts in shared memory.
    __device__ static void add_parts(float (&sums)[1][4], std::uint32_t parts) {
#pragma unroll
        for (int warp = 0; warp < kWarps; ++warp) {
            std::uint32_t part[4];
            load_shared(part, parts + warp * kPartBytes + threadIdx.x % 32 * 16);
#pragma unroll
            for (int i = 0; i < 4; ++i) sums[0][i] += __uint_as_float(part[i]);
        }
    }
};

template <int groups, int k_tiles>
__global__ void __launch_bounds__(ColumnStream<groups, k_tiles>::kThreads, 1)
    gemm_column_stream_kernel(const __grid_constant__ GemmProblem problem) {
    using Gemm = ColumnStream<groups, k_tiles>;
    const DeviceMatrix& w = problem.weights;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, first_k_tile = warp * k_tiles;
    const std::uint32_t shared = shared_address(dynamic_shared()), ring = shared + warp * Gemm::kRingBytes;
    griddep_launch_dependents();

    typename Gemm::Loader loader(w, ring, first_k_tile);  // the weights wait for no other kernel
    for (int slot = 0; slot < Gemm::kDepth; ++slot) loader.load(slot);
    griddep_wait();
    typename Gemm::Operands operands[k_tiles];
    Tile tile{.first_row = static_cast<int>(blockIdx.y) * kColumnStreamTokens};
    tile.row_count = min(problem.row_count - tile.first_row, kColumnStreamTokens);
    Gemm::load_operands(operands, problem, tile, first_k_tile);

    int slot = 0;
    std::uint32_t parts = shared + Gemm::kWarps * Gemm::kRingBytes, other_parts = parts + Gemm::kPartsBytes;
    int finisher = 0;  // the warp that adds up the first eight tokens of this tile
    for (int row = static_cast<int>(blockIdx.x) * Gemm::kRows; row < w.rows;
         row += static_cast<int>(gridDim.x) * Gemm::kRows) {
        float sums[groups][4] = {};
#pragma unroll
        for (int i = 0; i < k_tiles; ++i) {
            wait_for_copies<Gemm::kDepth - 1>();
            __syncwarp();  // every lane's copies have landed
            Gemm::multiply(sums, ring + slot * Gemm::kKTileBytes, operands[i]);
            __syncwarp();  // every lane has read the K-tile
            loader.load(slot);
            slot = slot + 1 == Gemm::kDepth ? 0 : slot + 1;
        }
#pragma unroll
        for (int group = 0; group < groups; ++group)
            for (int half = 0; half < 2; ++half)
                store_shared_64(
                    parts + (group * Gemm::kWarps + warp) * Gemm::kPartBytes + lane * 16 + half * 8,
                    sums[group][2 * half], sums[group][2 * half + 1]);
        // Whoever added up the tile before last is here, too: its parts have been read.
        __syncthreads();
        const int group = warp - finisher;
        if (group >= 0 && group < groups) {
            const std::uint32_t own = parts + group * Gemm::kWarps * Gemm::kPartBytes;
            float sum[1][4] = {};
            Gemm::add_parts(sum, own);
            store_sums(problem.epilogue, tile, w.rows, row, false, group * 8, sum,
                       own);  // turned in the parts' place
        }
        finisher = (finisher + groups) % Gemm::kWarps;
        const std::uint32_t now = parts;
        parts = other_parts, other_parts = now;
    }
}

}  // namespace gptoss::backend::cuda

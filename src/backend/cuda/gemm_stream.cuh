// The grouped product for few tokens an expert: a batch of generating users, or the end of a prompt. Nearly
// every expert is read for one to sixteen tokens, so memory is the bound, and what counts is to keep it busy
// and to spend few instructions on a weight.
//
// All of a tile's activations lie in shared memory (at most 16 tokens), and each warp works alone: it streams
// tiles of 16 weight rows through a ring of its own, kDepth K-tiles of 16 rows x 128 bytes ahead, across tiles
// and experts without a break. Blocks own equal runs of tiles. Only where the run enters another expert do
// the warps of a block wait for each other, to load other activations; their rings are full meanwhile.
//
// A tile is one operand of mma.m16n8k16 whose row g is weight row 2g and row g + 8 weight row 2g + 1 (the
// epilogue wants neighbours in one lane); the other operand is 8 tokens, or 8 more. Weights enter without
// their scale, which multiplies the sum of a block of 32 columns in float32: exact, and cheaper than scaling
// weights. Where a token must have the bits that the tiled products give it (`one_chain`, docs/numerics.md), weights
// are scaled, exactly, and all columns are one chain.
//
// Sums are formed in the order of the columns by one warp: the same input gives the same bits.
#pragma once

#include "backend/cuda/gemm_epilogue.cuh"

namespace gptoss::backend::cuda {

// The words of 32 columns of two weight rows as operands of the two matrix instructions.
__device__ __forceinline__ void unpack_mxfp4_rows(std::uint32_t (&first)[4], std::uint32_t (&second)[4],
                                                  std::uint32_t low, std::uint32_t high) {
    first[0] = unpacked_mxfp4_pair<0>(low), first[1] = unpacked_mxfp4_pair<0>(high);
    first[2] = unpacked_mxfp4_pair<2>(low), first[3] = unpacked_mxfp4_pair<2>(high);
    second[0] = unpacked_mxfp4_pair<1>(low), second[1] = unpacked_mxfp4_pair<1>(high);
    second[2] = unpacked_mxfp4_pair<3>(low), second[3] = unpacked_mxfp4_pair<3>(high);
}

// Their products with eight tokens, each row's times its scale, added.
__device__ __forceinline__ void add_scaled_rows(float (&sums)[4], const std::uint32_t (&first)[4],
                                                const std::uint32_t (&second)[4], const std::uint32_t (&b)[4],
                                                float low_scale, float high_scale) {
    float c[4] = {};
    MmaF16::multiply_add(c, first, b[0], b[1]);
    MmaF16::multiply_add(c, second, b[2], b[3]);
    sums[0] += low_scale * c[0];
    sums[1] += low_scale * c[1];
    sums[2] += high_scale * c[2];
    sums[3] += high_scale * c[3];
}

template <int warps, int depth, bool one_chain = false>
struct StreamGemm {
    static constexpr int kThreads = warps * 32;
    static constexpr int kRows = 16;
    static constexpr int kRowBytes = 128;  // of a K-tile: 8 blocks of 32 columns
    static constexpr int kBlocks = 8;
    static constexpr int kValueBytes = kRows * kRowBytes;
    static constexpr int kScaleBytes = kRows * kBlocks;
    static constexpr int kKTileBytes = kValueBytes + kScaleBytes;
    static constexpr int kRingBytes = depth * kKTileBytes;  // of one warp
    using Scales = ScaleStage<WeightFormat::mxfp4, 128>;

    // 16 bytes more than the columns take: the same column of eight tokens then lies in eight different
    // banks.
    static constexpr int stride_bytes(int columns) { return columns * 2 + 16; }
    // Eight tokens are turned at a time, even where a tile has fewer.
    __host__ __device__ static constexpr int warp_bytes(int tile_tokens) {
        return kRingBytes + turn_bytes(tile_tokens < 8 ? 8 : tile_tokens);
    }
    static constexpr int shared_bytes(int columns, int tile_tokens) {
        return warps * warp_bytes(tile_tokens) + tile_tokens * stride_bytes(columns) +
               static_cast<int>(sizeof(GroupList));
    }

    // The run of tiles of one block. Tile numbers count row tiles of a token tile, token tiles of a group,
    // groups.
    struct Work {
        const GemmProblem& problem;
        const GroupList& groups;  // in shared memory
        int rows_of_expert, row_tiles;

        __device__ Tile tile(int number) const {
            const int token_tiles = number / row_tiles;
            int low = 0, high = groups.group_count;  // the last group that starts at or before
            while (high - low > 1) {
                const int middle = (low + high) / 2;
                if (groups.groups[middle].first_tile <= token_tiles)
                    low = middle;
                else
                    high = middle;
            }
            const TokenGroup& group = groups.groups[low];
            const int token_tile = token_tiles - group.first_tile;
            return {group.expert, (number - token_tiles * row_tiles) * kRows,
                    group.first_row + token_tile * group.tile_rows,
                    min(group.tile_rows, group.row_count - token_tile * group.tile_rows)};
        }
    };

    // Copies a warp's tiles, K-tile after K-tile, into its ring.
    class Loader {
      public:
        __device__ Loader(const Work& work, std::uint32_t ring, int first, int last)
            : work_(work), ring_(ring), number_(first), last_(last), lane_(threadIdx.x % 32) {
            if (number_ < last_) seek();
        }
        // Always closes a group of copies, so that counting groups counts K-tiles.
        __device__ void load(int slot) {
            if (number_ < last_) {
                const DeviceMatrix& w = work_.problem.weights;
                const int row = lane_ / 8, chunk = lane_ % 8;
                if (k_tile_ * kBlocks + chunk < w.columns / kQuantBlock) {
#pragma unroll
                    for (int i = 0; i < 4; ++i)
                        copy_16_bytes_async_line(ring_ + slot * kKTileBytes + swizzled(row + 4 * i, chunk),
                                                 values_ + i * 4 * w.value_stride_bytes);
                }
                if (lane_ < kRows)
                    copy_8_bytes_async(ring_ + slot * kKTileBytes + kValueBytes + lane_ * kBlocks, scales_);
                values_ += kRowBytes;
                scales_ += kBlocks;
                if (++k_tile_ * kBlocks * kQuantBlock >= w.columns) {
                    number_ += warps;
                    if (number_ < last_) seek();
                }
            }
            commit_copies();
        }

      private:
        __device__ void seek() {
            const DeviceMatrix& w = work_.problem.weights;
            const Tile tile = work_.tile(number_);
            const std::int64_t row = std::int64_t{tile.expert} * work_.rows_of_expert + tile.weight_row;
            values_ = w.values + (row + lane_ / 8) * w.value_stride_bytes + lane_ % 8 * 16;
            scales_ = w.scales + (row + lane_ % kRows) * w.scale_stride_bytes;
            k_tile_ = 0;
        }

        const Work& work_;
        std::uint32_t ring_;
        int number_, last_, k_tile_ = 0, lane_;
        const std::byte* values_ = nullptr;
        const std::byte* scales_ = nullptr;
    };

    // Swizzle: where a 16-byte chunk of a row lies in a K-tile, XORed with half the row number. The lanes of a warp
    // read one chunk of eight even or eight odd rows: no bank conflicts.
    __device__ static std::uint32_t swizzled(int row, int chunk) {
        return static_cast<std::uint32_t>(row * kRowBytes + ((chunk ^ (row / 2)) & 7) * 16);
    }

    // The exponent byte of block `block` as the float 2^(e - 127), from a word of four.
    __device__ static float scale_of(std::uint32_t word, int block) {
        return __uint_as_float((block < 3 ? word << (23 - 8 * block) : word >> 1) & 0x7F800000U);
    }

    // A K-tile against 8 tokens, or 16. `blocks` of it exist, an even number; all where it is `whole`: without
    // branches the compiler mixes one block's instructions with the next one's.
    template <int groups, bool whole>
    __device__ static void multiply(float (&sums)[groups][4], std::uint32_t k_tile, std::uint32_t activations,
                                    int stride, int blocks) {
        const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
        std::uint32_t scales[4];  // rows 2g and 2g + 1, eight bytes each
        load_shared(scales, k_tile + kValueBytes + g * 2 * kBlocks);
        const std::uint32_t own = k_tile + g * 2 * kRowBytes + t * 4;
#pragma unroll
        for (int block = 0; block < kBlocks; ++block) {
            if (!whole && block % 2 == 0 && block >= blocks) break;
            std::uint32_t even[1], odd[1];
            const std::uint32_t word = own + (block ^ g) * 16;
            load_shared(even, word);
            load_shared(odd, word + kRowBytes);
            std::uint32_t first[4], second[4];
            unpack_mxfp4_rows(first, second, even[0], odd[0]);
            const float even_scale = scale_of(scales[block / 4], block % 4),
                        odd_scale = scale_of(scales[2 + block / 4], block % 4);
#pragma unroll
            for (int group = 0; group < groups; ++group) {
                std::uint32_t b[4];
                load_matrices(b, activations + group * 8 * stride + block * 64);
                add_scaled_rows(sums[group], first, second, b, even_scale, odd_scale);
            }
        }
    }

    // ---- one chain: what a lane holds of a K-tile, and of a block the operands of its two matrix instructions. Those of
    // the next block are made while one is multiplied, across K-tiles: a chain waits some 26 cycles a step as it is.
    struct KTile {
        std::uint32_t words[kBlocks][2][1];  // [block][row 2g, 2g + 1]
        std::uint32_t scales[4];             // of rows 2g and 2g + 1, eight bytes each

        __device__ void read(std::uint32_t from) {
            const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
            load_shared(scales, from + kValueBytes + g * 2 * kBlocks);
            const std::uint32_t own = from + g * 2 * kRowBytes + t * 4;
#pragma unroll
            for (int block = 0; block < kBlocks; ++block)
#pragma unroll
                for (int odd = 0; odd < 2; ++odd)
                    load_shared(words[block][odd], own + (block ^ g) * 16 + odd * kRowBytes);
        }
    };
    template <int groups>
    struct Operands {
        std::uint32_t weights[2][4], activations[groups][4];

        __device__ void make(const KTile& k_tile, int block, std::uint32_t columns, int stride) {
            const std::uint32_t scales[2] = {k_tile.scales[block / 4], k_tile.scales[2 + block / 4]};
            make_fragments<WeightFormat::mxfp4, 128>(weights, k_tile.words[block], block % 4, scales);
#pragma unroll
            for (int group = 0; group < groups; ++group)
                load_matrices(activations[group], columns + group * 8 * stride + block * 64);
        }
        __device__ void multiply(float (&sums)[groups][4]) const {
#pragma unroll
            for (int step = 0; step < 2; ++step)
#pragma unroll
                for (int group = 0; group < groups; ++group)
                    MmaF16::multiply_add(sums[group], weights[step], activations[group][2 * step],
                                         activations[group][2 * step + 1]);
        }
    };
    // The next K-tile of the warp, of this tile or the next, to registers; its place before is filled again.
    __device__ static void read_next(KTile& k_tile, std::uint32_t ring, int& slot, Loader& loader) {
        wait_for_copies<depth - 2>();
        __syncwarp();  // every lane's copies have landed, and every lane has read the K-tile before
        loader.load(slot);
        slot = slot + 1 == depth ? 0 : slot + 1;
        k_tile.read(ring + slot * kKTileBytes);
    }
    // All `blocks` of a tile, an even number. `now`: its first K-tile, afterwards the next tile's. `own`: the lane's
    // activations.
    template <int groups>
    __device__ static void multiply_chain(float (&sums)[groups][4], KTile& now, std::uint32_t ring, int& slot,
                                          Loader& loader, std::uint32_t own, int stride, int blocks) {
        KTile next;
        Operands<groups> operands;
        operands.make(now, 0, own, stride);
        for (; blocks > kBlocks; blocks -= kBlocks) {
            read_next(next, ring, slot, loader);
#pragma unroll
            for (int block = 1; block <= kBlocks; ++block) {
                Operands<groups> following;
                if (block < kBlocks)
                    following.make(now, block, own, stride);
                else
                    following.make(next, 0, own + kBlocks * 64, stride);
                operands.multiply(sums);
                operands = following;
            }
            own += kBlocks * 64;
            now = next;
        }
        read_next(next, ring, slot, loader);
#pragma unroll
        for (int block = 1; block < kBlocks; ++block) {
            if (block % 2 == 0 && block >= blocks) break;
            Operands<groups> following;
            following.make(now, block, own, stride);
            operands.multiply(sums);
            operands = following;
        }
        operands.multiply(sums);
        now = next;
    }

    // One tile: all its columns, then the epilogue. `own`: the lane's activations; of each 8 x 8 matrix of them, it gives
    // the address of one row.
    template <int groups>
    __device__ static void run_tile(const EpilogueTargets& targets, const Tile& tile, int rows_of_expert,
                                    int columns, std::uint32_t ring, int& slot, Loader& loader, KTile& now,
                                    std::uint32_t own, int stride, std::uint32_t turn) {
        const int blocks = columns / kQuantBlock;
        float sums[groups][4] = {};
        if constexpr (one_chain) {
            multiply_chain(sums, now, ring, slot, loader, own, stride, blocks);
        } else {
            for (int first = 0; first < blocks; first += kBlocks) {
                wait_for_copies<depth - 1>();
                __syncwarp();  // every lane's copies have landed
                if (blocks - first >= kBlocks)
                    multiply<groups, true>(sums, ring + slot * kKTileBytes, own, stride, kBlocks);
                else
                    multiply<groups, false>(sums, ring + slot * kKTileBytes, own, stride, blocks - first);
                __syncwarp();  // every lane has read the K-tile
                loader.load(slot);
                slot = slot + 1 == depth ? 0 : slot + 1;
                own += kBlocks * kQuantBlock * 2;
            }
#pragma unroll
            for (int group = 0; group < groups; ++group)
#pragma unroll
                for (int i = 0; i < 4; ++i) sums[group][i] *= kMxfp4Unit;
        }
        store_sums(targets, tile, rows_of_expert, tile.weight_row, false, 0, sums, turn);
    }

    // The tokens of a tile. What is computed for tokens past the last is not stored; their places stay as they are.
    __device__ static void load_activations(const GemmProblem& problem, const Tile& tile, std::byte* to,
                                            int stride) {
        const int columns = problem.weights.columns, chunks = columns / 8;
#pragma unroll 4
        for (int i = threadIdx.x; i < tile.row_count * chunks; i += kThreads) {
            const int row = quotient(i, chunks), chunk = i - row * chunks;
            const auto* from = reinterpret_cast<const uint4*>(
                problem.activations + std::int64_t{source_row(problem, tile.first_row + row)} * columns);
            reinterpret_cast<uint4*>(to + row * stride)[chunk] = from[chunk];
        }
    }
};

template <int warps, int depth, bool one_chain>
__global__ void __launch_bounds__(warps * 32, 1)
    gemm_stream_kernel(const __grid_constant__ GemmProblem problem, int tile_tokens) {
    using Gemm = StreamGemm<warps, depth, one_chain>;
    std::byte* shared = dynamic_shared();
    const int stride = Gemm::stride_bytes(problem.weights.columns), warp = threadIdx.x / 32,
              lane = threadIdx.x % 32;
    const std::uint32_t ring = shared_address(shared) + warp * Gemm::warp_bytes(tile_tokens),
                        turn = ring + Gemm::kRingBytes;
    std::byte* activations = shared + warps * Gemm::warp_bytes(tile_tokens);
    auto& groups = *reinterpret_cast<GroupList*>(activations + tile_tokens * stride);
    if (!problem.groups_are_settled) griddep_wait();
    // Only now: the next stage may be one that takes the groups for settled.
    griddep_launch_dependents();
    constexpr int kWords = sizeof(GroupList) / 4;
    for (int i = threadIdx.x; i < kWords; i += Gemm::kThreads)
        reinterpret_cast<int*>(&groups)[i] = reinterpret_cast<const int*>(problem.groups)[i];
    __syncthreads();

    const int rows_of_expert = problem.weights.rows / problem.experts;
    const typename Gemm::Work work{problem, groups, rows_of_expert, rows_of_expert / Gemm::kRows};
    const std::int64_t tiles = std::int64_t{groups.tile_count} * work.row_tiles;
    const int first = static_cast<int>(tiles * blockIdx.x / gridDim.x),
              last = static_cast<int>(tiles * (blockIdx.x + 1) / gridDim.x);

    typename Gemm::Loader loader(work, ring, first + warp, last);
    for (int slot = 0; slot < depth; ++slot) loader.load(slot);
    if (problem.groups_are_settled) griddep_wait();

    int slot = 0, activations_end = first;  // the first tile that wants other activations than those loaded
    const auto replace_activations = [&] {
        const Tile tile = work.tile(activations_end);
        __syncthreads();  // nobody reads the old ones any more
        Gemm::load_activations(problem, tile, activations, stride);
        __syncthreads();
        activations_end = (activations_end / work.row_tiles + 1) * work.row_tiles;
    };
    if (first < last) replace_activations();
    typename Gemm::KTile k_tile;
    if constexpr (one_chain) {
        wait_for_copies<depth - 1>();
        __syncwarp();  // every lane's copies have landed
        k_tile.read(ring);
    }
    for (int number = first + warp; number < last; number += warps) {
        while (number >= activations_end) replace_activations();
        const Tile tile = work.tile(number);
        const std::uint32_t own =
            shared_address(activations) + min(lane % 8, tile.row_count - 1) * stride + lane / 8 * 16;
        const auto run = [&]<int groups>() {
            Gemm::template run_tile<groups>(problem.epilogue, tile, rows_of_expert, problem.weights.columns,
                                            ring, slot, loader, k_tile, own, stride, turn);
        };
        tile.row_count <= 8 ? run.template operator()<1>() : run.template operator()<2>();
    }
    while (activations_end < last) replace_activations();  // with the other warps
}

}  // namespace gptoss::backend::cuda

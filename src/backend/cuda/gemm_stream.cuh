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
            if constexpr (one_chain) {
                const __half2 scale[2] = {Scales::of_block(scales[block / 4], block % 4),
                                          Scales::of_block(scales[2 + block / 4], block % 4)};
                multiply_scaled<groups>(sums, first, second, scale, activations + block * 64, stride);
                continue;
            }
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

    // A block of 32 columns, `scale` of the even and of the odd row: added to the sums step by step.
    template <int groups>
    __device__ static void multiply_scaled(float (&sums)[groups][4], const std::uint32_t (&first)[4],
                                           const std::uint32_t (&second)[4], const __half2 (&scale)[2],
                                           std::uint32_t activations, int stride) {
        std::uint32_t a[2][4];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            a[0][i] = as_word(__hmul2(as_half2(first[i]), scale[i % 2]));
            a[1][i] = as_word(__hmul2(as_half2(second[i]), scale[i % 2]));
        }
#pragma unroll
        for (int group = 0; group < groups; ++group) {
            std::uint32_t b[4];
            load_matrices(b, activations + group * 8 * stride);
            MmaF16::multiply_add(sums[group], a[0], b[0], b[1]);
            MmaF16::multiply_add(sums[group], a[1], b[2], b[3]);
        }
    }

    // One tile: all its columns, then the epilogue. `own`: what the lane gives the address of, a row of each 8 x 8 matrix
    // of activations.
    template <int groups>
    __device__ static void run_tile(const GemmProblem& problem, const Tile& tile, int rows_of_expert,
                                    std::uint32_t ring, int& slot, Loader& loader, std::uint32_t own,
                                    int stride, std::uint32_t turn) {
        const int blocks = problem.weights.columns / kQuantBlock;
        float sums[groups][4] = {};
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
        if constexpr (!one_chain) {
#pragma unroll
            for (int group = 0; group < groups; ++group)
#pragma unroll
                for (int i = 0; i < 4; ++i) sums[group][i] *= kMxfp4Unit;
        }
        store_sums(problem.epilogue, tile, rows_of_expert, tile.weight_row, false, 0, sums, turn);
    }

    // The tokens of a tile; rows past the last repeat it, and what is computed for them is not stored.
    __device__ static void load_activations(const GemmProblem& problem, const Tile& tile, int tile_tokens,
                                            std::byte* to, int stride) {
        const int columns = problem.weights.columns, chunks = columns / 8;
        const int rows = tile.row_count <= 8 ? min(8, tile_tokens) : 16;
        for (int row = threadIdx.x / 32; row < rows; row += warps) {
            const uint4* from = reinterpret_cast<const uint4*>(
                problem.activations +
                std::int64_t{source_row(problem, tile.first_row + min(row, tile.row_count - 1))} * columns);
            uint4* place = reinterpret_cast<uint4*>(to + row * stride);
#pragma unroll 4
            for (int i = threadIdx.x % 32; i < chunks; i += 32) place[i] = from[i];
        }
    }
};

template <int warps, int depth, bool one_chain>
__global__ void __launch_bounds__(warps * 32, 1)
    gemm_stream_kernel(const __grid_constant__ GemmProblem problem, int tile_tokens) {
    using Gemm = StreamGemm<warps, depth, one_chain>;
    std::byte* shared = dynamic_shared();
    const int stride = Gemm::stride_bytes(problem.weights.columns), warp = threadIdx.x / 32;
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
        Gemm::load_activations(problem, tile, tile_tokens, activations, stride);
        __syncthreads();
        activations_end = (activations_end / work.row_tiles + 1) * work.row_tiles;
    };
    // The last row again for those that a tile of fewer than eight tokens does not have.
    const int lane = threadIdx.x % 32;
    const std::uint32_t own =
        shared_address(activations) + min(lane % 8, tile_tokens - 1) * stride + lane / 8 * 16;
    for (int number = first + warp; number < last; number += warps) {
        while (number >= activations_end) replace_activations();
        const Tile tile = work.tile(number);
        if (tile.row_count <= 8)
            Gemm::template run_tile<1>(problem, tile, rows_of_expert, ring, slot, loader, own, stride, turn);
        else
            Gemm::template run_tile<2>(problem, tile, rows_of_expert, ring, slot, loader, own, stride, turn);
    }
    while (activations_end < last) replace_activations();  // with the other warps
}

}  // namespace gptoss::backend::cuda

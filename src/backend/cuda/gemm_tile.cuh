// What the mma.sync and the wgmma kernels share (gemm_warp.cuh, gemm_warpgroup.cuh): which tile a CTA computes, the
// layout of a stage in shared memory, and how packed weights become the A operand.
//
// Weights are A (its rows are weight rows), activations are B (its columns are tokens). So a weight is unpacked once
// for all tokens of a tile and stays in registers.
#pragma once

#include "backend/cuda/gemm.h"
#include "backend/cuda/gemm_ptx.cuh"
#include "backend/cuda/mxfp4_words.h"
#include "backend/cuda/ops/common/int8_words.cuh"

namespace gptoss::backend::cuda {

// 192 weight rows a tile: 2880 and 5760 are multiples of 192, though not of 128.
inline constexpr int kGemmTileRows = 192;

// Activations lie in panels of [token][64 columns], 128 bytes a token.
inline constexpr int kPanelColumns = 64;

struct Tile {
    int expert = 0;
    int weight_row = 0;  // first row, within the expert
    int first_row = 0;   // first sorted row
    int row_count = 0;
};

// Tiles are numbered so that neighbours share weights: token tiles of one group vary fastest. Returns false
// past the last tile. `groups`: null for a dense product.
template <int tile_rows = kGemmTileRows>
__device__ __forceinline__ bool find_tile(const GroupList* groups, const TokenGroup& dense, int row_tiles,
                                          int index, Tile& tile) {
    TokenGroup group = dense;
    if (groups != nullptr) {
        const GroupList& list = *groups;
        if (index >= list.tile_count * row_tiles) return false;
        int low = 0, high = list.group_count;  // the last group that starts at or before `index`
        while (high - low > 1) {
            const int middle = (low + high) / 2;
            if (list.groups[middle].first_tile * row_tiles <= index)
                low = middle;
            else
                high = middle;
        }
        group = list.groups[low];
    } else if (index >= dense.tile_count * row_tiles) {
        return false;
    }
    const int local = index - group.first_tile * row_tiles;
    const int token_tile = local % group.tile_count;
    tile.expert = group.expert;
    tile.weight_row = local / group.tile_count * tile_rows;
    tile.first_row = group.first_row + token_tile * group.tile_rows;
    tile.row_count = min(group.tile_rows, group.row_count - token_tile * group.tile_rows);
    return true;
}

__device__ __forceinline__ int source_row(const GemmProblem& problem, int sorted_row) {
    return problem.source_rows == nullptr ? sorted_row
                                          : problem.source_rows[sorted_row] / problem.source_divisor;
}

// One stage of `stage_columns` columns of packed weights in shared memory: row after row, swizzled. The index of a
// 16-byte chunk is XORed with the row (over eight rows, or four), so the lanes of a warp, which read the same column
// of different rows, have no bank conflicts.
template <WeightFormat type, int stage_columns>
struct WeightStage {
    static constexpr int kBlocks = stage_columns / kQuantBlock;
    static constexpr int kRowBytes = type == WeightFormat::mxfp4  ? stage_columns / 2
                                     : type == WeightFormat::q8_0 ? stage_columns
                                                                  : stage_columns * 2;
    static_assert(kRowBytes == 32 || kRowBytes == 64 || kRowBytes == 128, "the swizzle below covers these");
    static constexpr int kBlockBytes = kRowBytes / kBlocks;
    static constexpr int kLaneWords = kBlockBytes / 16;  // of a block, for each of four lanes
    static constexpr int kBytes = kGemmTileRows * kRowBytes;

    __device__ static int swizzled(int linear) {
        return linear ^ ((linear >> 3) & (kRowBytes == 128 ? 0x70 : 0x30));
    }

    // Whether a lane reads the odd one of its two weight rows (2g and 2g + 1 of the warp's sixteen) first: 1 or 0. In
    // some formats half of the lanes do, which avoids bank conflicts.
    __device__ static int odd_row_first(int g) {
        if constexpr (kRowBytes == 64 && type == WeightFormat::mxfp4) return g >> 2;
        if constexpr (kRowBytes == 64 && type == WeightFormat::q8_0) return g & 1;
        return 0;
    }

    // Where a lane's words of a row's first block are; those of block b are at this address XOR b * kBlockBytes.
    __device__ static std::uint32_t lane_offset(int row, int lane) {
        return swizzled(row * kRowBytes + lane * kLaneWords * 4);
    }
    __device__ static void load(std::uint32_t (&words)[kLaneWords], std::uint32_t lane_address, int block) {
        load_shared(words, lane_address ^ block * kBlockBytes);
    }
};

// ---- packed words to float16 pairs: out[step][i] are the values at 2c, 2c + 1 (i = 0) and 2c + 8, 2c + 9
// (i = 1) of step 0 and 1 of a block of 32 columns, in the order of stored_column().

// A float16 with sign, two exponent bits and one mantissa bit of e2m1 in the places of its own is 2^-14 times
// the value, zero and subnormals included. `scale` holds 2^(e - 127 + 14) twice.
__device__ __forceinline__ void unpack_mxfp4(std::uint32_t word, __half2 scale, std::uint32_t (&out)[2][2]) {
    const std::uint32_t low0 = unpacked_mxfp4_pair<0>(word);  // bytes 0, 2
    const std::uint32_t low1 = unpacked_mxfp4_pair<2>(word);  // bytes 1, 3
    const std::uint32_t high0 = unpacked_mxfp4_pair<1>(word);
    const std::uint32_t high1 = unpacked_mxfp4_pair<3>(word);
    out[0][0] = as_word(__hmul2(as_half2(low0), scale));
    out[0][1] = as_word(__hmul2(as_half2(low1), scale));
    out[1][0] = as_word(__hmul2(as_half2(high0), scale));
    out[1][1] = as_word(__hmul2(as_half2(high1), scale));
}

__device__ __forceinline__ void unpack_int8(std::uint32_t word, __half2 scale, std::uint32_t (&out)[2]) {
    __half2 low, high;
    unpack_int8(word, low, high);
    out[0] = as_word(__hmul2(low, scale));
    out[1] = as_word(__hmul2(high, scale));
}

__device__ __forceinline__ std::uint32_t bf16_to_f16(std::uint32_t pair) {
    return as_word(to_half2(__uint_as_float(pair << 16), __uint_as_float(pair & 0xFFFF0000U)));
}

// The scales of a stage: one 32-bit word a row, copied with the weights. (Loaded from global memory by those
// who multiply, they would wait behind all the copies that run ahead.)
template <WeightFormat type, int stage_columns>
struct ScaleStage {
    static constexpr bool kPresent = type == WeightFormat::mxfp4 || type == WeightFormat::q8_0;
    static constexpr int kRowBytes = stage_columns / kQuantBlock * (type == WeightFormat::q8_0 ? 2 : 1);
    static_assert(kRowBytes == 4 || kRowBytes == 2, "a word holds the scales of one stage or of two");
    static constexpr int kBytes = kPresent ? 1024 : 0;  // 192 words, and the next part aligned
    static_assert(kGemmTileRows * 4 <= 1024);

    __device__ static void copy(std::uint32_t to, int row, const std::byte* scales_of_row, int stage) {
        copy_4_bytes_async(to + row * 4, scales_of_row + stage * kRowBytes / 4 * 4);
    }

    __device__ static std::uint32_t load(std::uint32_t scales, int row, int stage) {
        if constexpr (!kPresent) return 0;
        std::uint32_t word[1];
        load_shared(word, scales + row * 4);
        if constexpr (kRowBytes == 2) word[0] >>= stage % 2 * 16;
        return word[0];
    }

    // Exponent e becomes e - 98, the float16 exponent of 2^(e - 127 + 14); below that, zero. Two neighbouring blocks'
    // scales are made at once: a multiplication takes either half of a register as it is.
    __device__ static __half2 of_block(std::uint32_t word, int block) {
        __half2 pair = as_half2(word);
        if constexpr (type == WeightFormat::mxfp4) {
            const std::uint32_t both = __byte_perm(word, 0, block / 2 == 0 ? 0x4140 : 0x4342);
            constexpr std::uint32_t kMinus98 = 0xFF9EFF9EU;
            pair = as_half2(__viaddmax_s16x2(both, kMinus98, 0) << 10);
        }
        return block % 2 == 0 ? __low2half2(pair) : __high2half2(pair);
    }
};

// One lane's share of one row and block.
template <WeightFormat type, int words_count>
__device__ __forceinline__ void unpack(const std::uint32_t (&words)[words_count], __half2 scale,
                                       std::uint32_t (&out)[2][2]) {
    if constexpr (type == WeightFormat::mxfp4) {
        unpack_mxfp4(words[0], scale, out);
    } else if constexpr (type == WeightFormat::q8_0) {
        unpack_int8(words[0], scale, out[0]);
        unpack_int8(words[1], scale, out[1]);
    } else {
#pragma unroll
        for (int i = 0; i < 4; ++i)
            out[i / 2][i % 2] = type == WeightFormat::bf16 ? bf16_to_f16(words[i]) : words[i];
    }
}

// The A registers of a block of 32 columns for a lane's two rows, in the order mma and wgmma want them:
// row of slot 0 and slot 1 at the low columns, then at the high columns.
template <WeightFormat type, int stage_columns, int words_count>
__device__ __forceinline__ void make_fragments(std::uint32_t (&fragments)[2][4],
                                               const std::uint32_t (&words)[2][words_count], int block,
                                               const std::uint32_t (&scales)[2]) {
#pragma unroll
    for (int slot = 0; slot < 2; ++slot) {
        std::uint32_t values[2][2];
        unpack<type>(words[slot], ScaleStage<type, stage_columns>::of_block(scales[slot], block), values);
#pragma unroll
        for (int step = 0; step < 2; ++step) {
            fragments[step][slot] = values[step][0];
            fragments[step][2 + slot] = values[step][1];
        }
    }
}

}  // namespace gptoss::backend::cuda

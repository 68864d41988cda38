// What the two kernels of prompt attention share: who computes what, and how a block of keys or values lies
// in shared memory.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp8.h>

#include "backend/cuda/attention_prefill.h"
#include "backend/cuda/gemm_ptx.cuh"

namespace gptoss::backend::cuda {

inline constexpr int kAttentionKeys = model::kBlockTokens;  // of a step: one block
inline constexpr int kAttentionTileBytes = kAttentionKeys * kHeadSize * 2;
static_assert(kAttentionKeys == 64, "fragments and descriptors are written for 64 keys");

// Where a block of threads works: its tokens of one segment and what they see.
struct AttentionPlace {
    PrefillSegment segment;
    int first_token = 0;                  // in the segment
    int token_count = 0;                  // 0: nothing to do
    int first_block = 0, last_block = 0;  // of keys, by position
};

// Tile `tile` of all segments' tiles of `tokens` tokens. A whole warp asks together: steps have hundreds of segments.
__device__ __forceinline__ AttentionPlace find_attention_place(const PrefillAttention& a, int tile,
                                                               int tokens) {
    const int lane = threadIdx.x % 32;
    AttentionPlace place;
    for (int first = 0; first < a.segment_count; first += 32) {
        const int mine = first + lane;
        const int rows = mine < a.segment_count ? a.segments[mine].row_count : 0;
        const int tiles = (rows + tokens - 1) / tokens;
        int end = tiles;  // of the tiles of this lane's segment and those before
#pragma unroll
        for (int step = 1; step < 32; step *= 2) {
            const int before = __shfl_up_sync(kAllLanes, end, step);
            if (lane >= step) end += before;
        }
        const unsigned past = __ballot_sync(kAllLanes, end > tile);
        if (past != 0) {
            const int found = __ffs(static_cast<int>(past)) - 1;
            tile -= __shfl_sync(kAllLanes, end - tiles, found);
            place.segment = a.segments[first + found];
            place.first_token = tile * tokens;
            place.token_count = min(tokens, place.segment.row_count - place.first_token);
            const int first_position = place.segment.first_position + place.first_token;
            place.last_block = (first_position + place.token_count - 1) / kAttentionKeys;
            place.first_block = a.window > 0 ? max(0, first_position - a.window + 1) / kAttentionKeys : 0;
            return place;
        }
        tile -= __shfl_sync(kAllLanes, end, 31);
    }
    return place;
}

// Swizzle: rows of 128 bytes, the index of a 16-byte piece XORed with the row. No bank conflicts.
__device__ __forceinline__ int piece_offset(int row, int piece) {
    return row * 128 + ((piece ^ (row & 7)) << 4);
}

// One head's tile of 64 keys or values into shared memory, as 16-bit numbers.
template <model::KvType type, int threads>
__device__ __forceinline__ void copy_attention_tile(std::uint32_t to, std::byte* to_pointer,
                                                    const std::byte* from, int thread) {
    if constexpr (type == model::KvType::f8) {
        // e4m3 is exact in float16. 16 bytes become two pieces.
        for (int i = thread; i < kAttentionKeys * 4; i += threads) {
            const int row = i / 4, quarter = i % 4;
            const uint4 packed = *reinterpret_cast<const uint4*>(from + row * kHeadSize + quarter * 16);
            const std::uint32_t words[4] = {packed.x, packed.y, packed.z, packed.w};
            std::uint32_t halves[8];
#pragma unroll
            for (int w = 0; w < 8; ++w) {
                const __half2_raw pair = __nv_cvt_fp8x2_to_halfraw2(
                    static_cast<__nv_fp8x2_storage_t>(words[w / 2] >> (w % 2 * 16)), __NV_E4M3);
                halves[w] = as_word(__half2(pair));
            }
            for (int p = 0; p < 2; ++p)
                *reinterpret_cast<uint4*>(to_pointer + piece_offset(row, quarter * 2 + p)) =
                    make_uint4(halves[4 * p], halves[4 * p + 1], halves[4 * p + 2], halves[4 * p + 3]);
        }
    } else {
#pragma unroll
        for (int i = thread; i < kAttentionKeys * 8; i += threads)
            copy_16_bytes_async_line(to + piece_offset(i / 8, i % 8), from + i * 16);
    }
}

template <model::KvType type>
__device__ __forceinline__ std::uint32_t pack_probabilities(float low, float high) {
    if constexpr (type == model::KvType::bf16) {
        const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
        return *reinterpret_cast<const std::uint32_t*>(&pair);
    } else {
        return as_word(__floats2half2_rn(low, high));  // probabilities: at most one
    }
}

// Columns `column` and `column` + 1 of a head's output.
__device__ __forceinline__ void store_attention_pair(__half* to, ActivationOrder order, int column, float low,
                                                     float high) {
    const __half2 pair = to_half2(low, high);
    to[stored_column(order, column)] = __low2half(pair);
    to[stored_column(order, column + 1)] = __high2half(pair);
}

}  // namespace gptoss::backend::cuda

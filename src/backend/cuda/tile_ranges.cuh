// Which tiles of a grouped product a block works on: an equal share of those with many tokens, which take longer, and an
// equal share of those with few, so that all blocks end together.
#pragma once

#include "backend/cuda/gemm.h"
#include "backend/cuda/primitives.cuh"

namespace gptoss::backend::cuda {

struct TileRange {
    int begin = 0, end = 0;
    __device__ int count() const { return end - begin; }
};

// One after the other.
struct TileRanges {
    TileRange first, second;
    __device__ int count() const { return first.count() + second.count(); }
    __device__ int number(int i) const {
        return i < first.count() ? first.begin + i : second.begin + (i - first.count());
    }
};

__device__ inline TileRange equal_share(int begin, int end) {
    const std::int64_t count = end - begin;
    return {begin + static_cast<int>(count * blockIdx.x / gridDim.x),
            begin + static_cast<int>(count * (blockIdx.x + 1) / gridDim.x)};
}

// Token tiles up to the last group of more than `tokens` tokens; larger groups come first (batched_routing.cu), but
// nothing here rests on it. A whole warp.
__device__ inline int tiles_of_more_than(const GroupList& groups, int tokens) {
    int tiles = 0;
    for (int i = threadIdx.x % 32; i < groups.group_count; i += 32)
        if (groups.groups[i].row_count > tokens)
            tiles = max(tiles, groups.groups[i].first_tile + groups.groups[i].tile_count);
    return __reduce_max_sync(kAllLanes, tiles);
}

}  // namespace gptoss::backend::cuda

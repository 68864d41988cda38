// The shared memory that a block of a streamed kernel takes, part by part; gemm.cu asserts that its kernels take exactly this.
#include <algorithm>

#include "backend/cuda/plan/execution_plan.h"

namespace gptoss::backend::cuda {
namespace {

constexpr std::int32_t kListOfGroups = 8 + 128 * 24;
constexpr std::int32_t kKTile = 16 * (128 + 8);  // 16 rows x 128 bytes and their scales
constexpr std::int32_t kTurnedToken = 20 * 4;    // a token's sums of 16 weight rows, turned

}  // namespace

std::int32_t streamed_shared_bytes(MatrixKernel kernel, std::int32_t columns, std::int32_t tile_tokens) {
    if (is_streamed_in_tiles(kernel)) {
        const bool small = kernel == MatrixKernel::streamed_tiles_small;
        const std::int32_t tile =
            12 * 16 * 128 + 16 * (tile_tokens <= 8 ? 96 : 112);  // values and scales of 16 rows
        constexpr std::int32_t kWarps = 15, kFinishers = 4;
        const std::int32_t tiles = small ? 3 : 7, barriers = 2 * tiles + kFinishers + 2;
        return 1024 + tiles * tile + 2 * kWarps * 16 * tile_tokens * 4 +
               kFinishers * tile_tokens * kTurnedToken + (small ? 0 : kWarps * 96 * 4) + barriers * 8 +
               kListOfGroups;
    }
    // Rings of K-tiles and room to turn sums for every warp, the tokens' activations, the list of groups.
    const std::int32_t warps = kernel == MatrixKernel::streamed ? 16 : 12;
    const std::int32_t depth = kernel == MatrixKernel::streamed ? 3 : 2;
    return warps * (depth * kKTile + std::max(tile_tokens, 8) * kTurnedToken) +
           tile_tokens * (columns * 2 + 16) + kListOfGroups;
}

std::int32_t row_streamed_shared_bytes(std::int32_t columns, std::int32_t tile_tokens) {
    constexpr std::int32_t kWarps = 4, kDepth = 8;  // gemm_row_stream.cuh
    return kWarps * (kDepth * kKTile + tile_tokens * kTurnedToken) + tile_tokens * (columns * 2 + 16);
}

}  // namespace gptoss::backend::cuda

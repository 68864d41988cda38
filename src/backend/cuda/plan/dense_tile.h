// The tiles of dense products.
#pragma once

#include <algorithm>
#include <utility>

#include "backend/cuda/plan/execution_plan.h"

namespace gptoss::backend::cuda {

// The tile that leaves SMs idle least: whole waves of tiles, each as long as its tokens.
inline std::int32_t dense_tile_tokens(std::int32_t tokens, std::int32_t row_tiles,
                                      const DeviceTraits& device) {
    std::int32_t best = 0;
    std::int64_t best_cost = 0;
    for (std::int32_t tile = 16; tile <= kMaxTileTokens; tile += 16) {
        const std::int64_t tiles = std::int64_t{(tokens + tile - 1) / tile} * row_tiles;
        const std::int64_t waves = (tiles + device.sm_count - 1) / device.sm_count;
        // Unpacking a weight costs about as much as multiplying it with 32 tokens.
        const std::int64_t cost = waves * std::max(tile + 8, 40);
        if (best == 0 || cost <= best_cost) {
            best_cost = cost;
            best = tile;
        }
    }
    return best;
}

// The same of wgmma_unpacked: weight rows and tokens. A tile's beginning and end take as long as 2,048 of its sums.
inline std::pair<std::int32_t, std::int32_t> unpacked_tile(std::int32_t tokens, std::int32_t weight_rows,
                                                           const DeviceTraits& device) {
    std::pair<std::int32_t, std::int32_t> best;
    std::int64_t best_cost = 0;
    for (const auto& [tile_rows, tile_tokens] : {std::pair{192, 192}, {192, 128}, {128, 128}}) {
        const std::int64_t tiles = std::int64_t{(tokens + tile_tokens - 1) / tile_tokens} *
                                   ((weight_rows + tile_rows - 1) / tile_rows);
        const std::int64_t cost =
            (tiles + device.sm_count - 1) / device.sm_count * (tile_rows * tile_tokens + 2048);
        if (best_cost > 0 && cost >= best_cost) continue;
        best = {tile_rows, tile_tokens};
        best_cost = cost;
    }
    return best;
}

}  // namespace gptoss::backend::cuda

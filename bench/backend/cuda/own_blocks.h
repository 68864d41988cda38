// Blocks of keys for a crowd: sequences that shared some would find them in the L2 cache.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "backend/cuda/memory.h"
#include "model/hyperparameters.h"
#include "model/plan.h"

namespace gptoss::backend::cuda {

inline constexpr std::int32_t kSlots = 512;
// Of a sequence of 1,024 tokens; and of its window, whatever block it begins in.
inline constexpr std::int32_t kOwnBlocks = 1024 / model::kBlockTokens + 1, kOwnSlidingBlocks = 3;
inline constexpr std::int32_t kSlidingBlocks = kSlots * kOwnSlidingBlocks;

// Full layers' blocks for all slots, or as many as half of the memory that is left holds.
inline std::int32_t own_blocks_that_fit(const model::Hyperparameters& shape) {
    std::size_t free = 0, total = 0;
    cuda_check(cudaMemGetInfo(&free, &total));
    const std::size_t bytes = 4 * shape.full_layers() * model::kBlockTokens * shape.kv_width();
    return static_cast<std::int32_t>(std::min<std::size_t>(kSlots * kOwnBlocks, free / 2 / bytes));
}

}  // namespace gptoss::backend::cuda

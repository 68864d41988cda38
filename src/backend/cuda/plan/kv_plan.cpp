// How the keys of rows that are computed one by one are shared out among blocks of threads.
#include <algorithm>

#include "backend/cuda/plan/execution_plan.h"

namespace gptoss::backend::cuda {
namespace {

// More keys than these are streamed. One row's: by clusters up to so many, then by as many blocks as there are SMs.
constexpr std::int32_t kKeysOfOneRowStreams = 1536, kKeysOfStreams = 3968, kKeysOfStreamedClusters = 16384;
constexpr std::int32_t kKeysOfLoneRowSplit = 512;

}  // namespace

// For one row: with eight, attention took 7.8 instead of 6.4 us. Not measured on cards after Hopper.
bool takes_kv_clusters(std::int32_t tokens, const DeviceTraits& device) {
    return tokens == 1 && device.compute_major == 9;
}

KvPlan plan_kv(std::int32_t tokens, std::int32_t context, const DeviceTraits& device, std::int32_t kv_heads) {
    const bool clusters = takes_kv_clusters(tokens, device);
    // Not measured on other cards.
    if (device.compute_major == 9 && device.shared_bytes_per_block >= kRowStreamBytes &&
        context > (tokens == 1 ? kKeysOfOneRowStreams : kKeysOfStreams)) {
        // Half of the SMs, as clusters, or all of them, whose parts meet in memory.
        if (clusters && context <= kKeysOfStreamedClusters) return {kMaxKvClusterParts, true};
        return {std::clamp(device.sm_count / (kv_heads * tokens), 1, kMaxKvSplits), true};
    }
    // At most two blocks an SM, and 8 warps x 16 keys a split: fewer keep the next kernel's blocks out for
    // nothing.
    const std::int32_t most = std::clamp(2 * device.sm_count / (kv_heads * tokens), 1, kMaxKvSplits);
    std::int32_t splits = 1;
    while (splits * 2 <= most && splits * 128 < context) splits *= 2;
    if (clusters) splits = std::min(splits, kMaxKvClusterParts);
    return {splits, false};
}

std::int32_t plan_lone_row_kv_splits(const StepSize& step, const DeviceTraits& device,
                                     std::int32_t kv_heads) {
    // As many as give every warp a few groups of keys, and every SM two blocks; a part costs as much as eight
    // groups to begin and to add up.
    const std::int32_t blocks = step.lone_rows * kv_heads;
    if (blocks == 0) return 1;
    const std::int32_t wanted = std::max((step.context + kKeysOfLoneRowSplit - 1) / kKeysOfLoneRowSplit,
                                         2 * device.sm_count / blocks);
    return std::clamp(std::min(wanted, kLoneRowBlocks / blocks), 1, kMaxKvSplits);
}

}  // namespace gptoss::backend::cuda

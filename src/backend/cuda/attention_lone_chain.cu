#include <algorithm>

#include "backend/cuda/attention_lone_chain.cuh"
#include "backend/cuda/attention_lone_walk.cuh"
#include "backend/cuda/launch.cuh"
#include "base/check.h"

namespace gptoss::backend::cuda {
namespace {

// Blocks of threads that share a row's keys: more would each have a block of keys or none.
constexpr std::int32_t kMostScoreBlocks = 128;
// So few that one kernel does all: a block of threads for each SM at most, three rounds of blocks of keys.
constexpr std::int32_t kRowsOfOneKernel = 8, kBlocksOfOneKernel = 3 * LoneChainKernel::kRound;

// So many that the warps of one row and key head each keep every SM's memory busy.
constexpr std::int32_t kRowsOfWalk = 16, kWalkBlocksARow = 16;

}  // namespace

bool takes_lone_walk(std::int32_t rows, std::int32_t most_blocks, std::int32_t shared_bytes_per_block) {
    return rows >= kRowsOfWalk && most_blocks <= kWalkBlocksARow * rows &&
           shared_bytes_per_block >= LoneWalkKernel::kSharedBytes;
}

void launch_lone_row_chain_attention(const PrefillAttention& attention, const LoneRowChain& lone,
                                     cudaStream_t stream) {
    const std::int32_t kv_heads = attention.pool.kv_heads, group = attention.query_heads / kv_heads;
    check(attention.pool.head_size == kHeadSize, "head size 64");
    check(group > 0 && (group & (group - 1)) == 0 && group <= kMaxGroupHeads,
          "heads in a group: 1, 2, 4 or 8");
    if (lone.count == 0) return;
    const auto rows = static_cast<unsigned>(lone.count), heads = static_cast<unsigned>(kv_heads);
    const auto shares = static_cast<unsigned>(std::clamp(
        (lone.most_blocks + LoneScoreKernel::kWarps - 1) / LoneScoreKernel::kWarps, 1, kMostScoreBlocks));
    with_kv_type(attention.pool.type, [&](auto tag) {
        constexpr model::KvType type = decltype(tag)::value;
        if (takes_lone_walk(lone.count, lone.most_blocks, lone.shared_bytes_per_block)) {
            const unsigned units = rows * heads;
            launch_pdl(lone_walk_kernel<type>,
                       dim3((units + LoneWalkKernel::kWarps - 1) / LoneWalkKernel::kWarps),
                       LoneWalkKernel::kThreads, LoneWalkKernel::kSharedBytes, stream, attention, lone);
            return;
        }
        const dim3 halves(kHeadSize / LoneChainKernel::kDimensions, heads, rows);
        if (lone.count <= kRowsOfOneKernel && lone.most_blocks <= kBlocksOfOneKernel &&
            lone.shared_bytes_per_block >= LoneChainKernel::kSharedBytesWithScores) {
            launch_pdl(lone_chain_kernel<type, true>, halves, LoneChainKernel::kThreads,
                       LoneChainKernel::kSharedBytesWithScores, stream, attention, lone);
            return;
        }
        launch_pdl(lone_scores_kernel<type>, dim3(shares, heads, rows), LoneScoreKernel::kThreads, 0, stream,
                   attention, lone);
        launch_pdl(lone_chain_kernel<type, false>, halves, LoneChainKernel::kThreads,
                   LoneChainKernel::kSharedBytes, stream, attention, lone);
    });
}

void prepare_lone_row_chain_attention() {
    for_each_kv_type([](auto tag) {
        constexpr model::KvType each = decltype(tag)::value;
        prefer_shared_memory(lone_scores_kernel<each>);
        allow_shared_memory(lone_walk_kernel<each>);
        allow_shared_memory(lone_chain_kernel<each, false>);
        allow_shared_memory(lone_chain_kernel<each, true>);
    });
}

}  // namespace gptoss::backend::cuda

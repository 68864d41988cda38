#include <algorithm>

#include "backend/cuda/attention_lone_chain.cuh"
#include "backend/cuda/launch.cuh"
#include "base/check.h"

namespace gptoss::backend::cuda {
namespace {

// Blocks of threads that share a row's keys: more would each have a block of keys or none.
constexpr std::int32_t kMostScoreBlocks = 128;
// So few that one kernel does all: a block of threads for each SM at most, three rounds of blocks of keys.
constexpr std::int32_t kRowsOfOneKernel = 8, kBlocksOfOneKernel = 3 * LoneChainKernel::kRound;

}  // namespace

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
        allow_shared_memory(lone_chain_kernel<each, false>);
        allow_shared_memory(lone_chain_kernel<each, true>);
    });
}

}  // namespace gptoss::backend::cuda

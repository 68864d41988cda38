#include "backend/cuda/plan/decode_tokens.h"

#include <algorithm>

#include "backend/cuda/plan/published_widths.h"

namespace gptoss::backend::cuda {
namespace {

// A decode step keeps the activations of its tokens in shared memory beside 70 KB of weights.
constexpr std::int32_t kSharedBytesForManyTokens = 160 * 1024, kSharedBytesForTwo = 99 * 1024;
// Of the output matrix, in a block of a step of two tokens: more, and their router's columns do not fit into 99 KB.
constexpr std::int32_t kOutputRowsForTwo = 32;

}  // namespace

std::int32_t tokens_per_decode_step(const DeviceTraits& device, const PlanOptions& options) {
    if (device.shared_bytes_per_block >= kSharedBytesForManyTokens) return kMaxDecodeTokens;
    const model::Hyperparameters& shape = options.shape;
    const bool room_for_two =
        device.shared_bytes_per_block >= kSharedBytesForTwo && options.dense_is_q8_0 &&
        options.experts_are_mxfp4 && options.router_is_bf16 && shape.hidden <= kPublishedColumns &&
        shape.intermediate_size <= kPublishedColumns && shape.query_width() <= kPublishedQueryWidth &&
        shape.hidden <= device.sm_count * kOutputRowsForTwo;
    return room_for_two ? 2 : 1;
}

std::int32_t most_decode_tokens(const DeviceTraits& device, const PlanOptions& options) {
    const std::int32_t tokens = tokens_per_decode_step(device, options);
    // Two steps of one or two, but where experts are streamed as whole tiles: four rows at once take less there.
    return std::max(tokens, device.compute_major >= 9 ? 2 : 2 * std::min(tokens, 2));
}

}  // namespace gptoss::backend::cuda

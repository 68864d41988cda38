// Which rows go to which experts: router logits, top four, and the sort that gives every expert its rows. All
// on the device; the host never learns the routing.
#pragma once

#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/cuda/gemm.h"

namespace gptoss::backend::cuda {

struct Routing {
    const float* residual = nullptr;  // [row][hidden]
    const float* gain = nullptr;      // [hidden], the norm before the experts
    const float* router = nullptr;    // [experts][hidden]
    const float* router_bias = nullptr;
    std::int32_t row_count = 0, hidden = 0, experts = 0;
    float epsilon = 0;
    std::int32_t tile_tokens = kMaxTileTokens;  // the most rows of a tile in `groups`
    // One order of the sums, whatever the number of rows (docs/numerics.md); hidden a multiple of kRouterChunk.
    bool in_order = false;
    float* partial_logits = nullptr;  // workspace of partial_logits_count() floats, for in_order

    __half* normalised = nullptr;  // out: [row][hidden], columns in `order`
    ActivationOrder order = ActivationOrder::nibbles;
    std::int32_t* choices = nullptr;       // out: [row][experts per token], the largest logit first
    float* routing_weights = nullptr;      // out: [row][experts per token], softmax of the chosen logits
    float* logits = nullptr;               // out, may be null: [row][experts], for tests
    GroupList* groups = nullptr;           // out: the largest groups first; null for a part of the rows
    std::int32_t* sorted_pairs = nullptr;  // out: pairs by expert, rows ascending within one
};

// Of fewer rows than these, in order, blocks share the columns, so many rows at a time: a block of its own for a few rows
// would read the whole router and wait for it.
inline constexpr std::int32_t kManyRoutedRows = 3072, kFewRoutedRows = 768;
inline constexpr std::int32_t kRouterChunk = 64;  // columns
// And the count of rows that have chosen.
constexpr std::int64_t partial_logits_count(std::int32_t hidden) {
    return std::int64_t{hidden / kRouterChunk} * kFewRoutedRows * (kMaxExperts + 1) + 1;
}
// So few that whoever chooses last sorts: of more, each thread's look at all pairs takes longer than a launch.
inline constexpr std::int32_t kMostPairsSortedHere = 16;
GPTOSS_HOST_DEVICE constexpr bool sorts_few_pairs(const Routing& routing) {
    return routing.in_order && routing.groups != nullptr &&
           routing.row_count * kExpertsPerToken <= kMostPairsSortedHere;
}

// Logits are exact to about 2^-21 of their size: products of float16 halves of both factors, float32 sums. So
// a row's four experts are those of the float32 reference unless logits tie to five digits.
void launch_routing(const Routing& routing, cudaStream_t stream);

// Allows the kernels their shared memory on the current device; once for each device.
void prepare_routing();

// Of one or two rows in order: the router's partial logits. The products of the experts choose from them (launch_few_experts).
void launch_partial_logits(const Routing& routing, cudaStream_t stream);

// The experts of one or two rows: gate and up, with their norm, or down, by the epilogue's kind. Weights in mxfp4; of
// `problem`, the sorted rows, the groups and the routing weights are found from `routing`.
void launch_few_experts(const GemmProblem& problem, const Routing& routing, std::int32_t sm_count,
                        cudaStream_t stream);
void prepare_few_experts();

// Its parts in order: everything but `groups` and `sorted_pairs`, unless these are very few. Few: at most kFewRoutedRows.
void route_few_rows(const Routing& routing, cudaStream_t stream);
void route_many_rows(const Routing& routing, cudaStream_t stream);
void prepare_few_rows_routing();
void prepare_many_rows_routing();

}  // namespace gptoss::backend::cuda

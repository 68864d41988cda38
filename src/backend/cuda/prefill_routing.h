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

    __half* normalised = nullptr;  // out: [row][hidden], columns in `order`
    ActivationOrder order = ActivationOrder::nibbles;
    std::int32_t* choices = nullptr;       // out: [row][experts used], the largest logit first
    float* pair_weights = nullptr;         // out: [row][experts used], softmax of the chosen logits
    float* logits = nullptr;               // out, may be null: [row][experts], for tests
    GroupList* groups = nullptr;           // out: the largest groups first
    std::int32_t* sorted_pairs = nullptr;  // out: pairs by expert, rows ascending within one
};

// Logits are exact to about 2^-21 of their size: products of float16 halves of both factors, float32 sums. So
// a row's four experts are those of the float32 reference unless logits tie to five digits.
void launch_routing(const Routing& routing, cudaStream_t stream);

}  // namespace gptoss::backend::cuda

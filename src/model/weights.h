// A GGUF's tensors by their role in the forward pass, with shapes and types checked. Views: nothing is
// copied.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "gguf/file.h"
#include "model/hyperparameters.h"

namespace gptoss::model {

// A row-major matrix: `rows` dot products over `columns` contiguous values.
struct Matrix {
    const gguf::Tensor* tensor = nullptr;
    std::int64_t rows = 0;
    std::int64_t columns = 0;
};

struct LayerWeights {
    const float* attention_norm = nullptr;  // [hidden]
    Matrix query, key, value;               // [query_width | kv_width][hidden]
    const float *query_bias = nullptr, *key_bias = nullptr, *value_bias = nullptr;
    const float* sinks = nullptr;                  // [query_heads], raw logits
    Matrix attention_output;                       // [hidden][query_width]
    const float* attention_output_bias = nullptr;  // [hidden]
    const float* expert_norm = nullptr;            // [hidden]; GGUF calls it post_attention_norm
    Matrix router;                                 // [experts][hidden], F32
    const float* router_bias = nullptr;            // [experts]
    Matrix gate, up;                               // [experts * intermediate_size][hidden], experts stacked
    Matrix down;                                   // [experts * hidden][intermediate_size]
    const float *gate_bias = nullptr, *up_bias = nullptr;  // [experts][intermediate_size]
    const float* down_bias = nullptr;                      // [experts][hidden]
};

// What matrices and vectors point to where it is not the file's own tensors: rows of fused tensors, copies.
// Deques, so that nothing moves.
struct OwnedParts {
    std::deque<gguf::Tensor> tensors;
    std::deque<std::vector<std::byte>> bytes;
};

struct Weights {
    Hyperparameters hyperparameters;
    Matrix embedding;  // [vocabulary][hidden]
    std::vector<LayerWeights> layers;
    const float* output_norm = nullptr;  // [hidden]
    Matrix lm_head;                      // [vocabulary][hidden]
    std::shared_ptr<OwnedParts> owned;   // null when everything is the file's
};

// Finds every tensor, checks its shape and type. q, k and v may be one fused attn_qkv, rows in that order.
// Throws Error(tensor_missing) or Error(tensor_invalid) naming the tensor, its part, what was found and what
// was expected; Error(file_unsupported) for a tensor that would take part in nothing; Error(key_invalid) for
// a vocabulary of another size than the embedding. The file must outlive the result.
Weights find_weights(const gguf::File& file);

}  // namespace gptoss::model

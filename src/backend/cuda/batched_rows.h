// What is done to rows one by one between the matrix products: embedding, the sum of the experts' outputs,
// RMS norms.
#pragma once

#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/cuda/decode_stages.h"
#include "backend/cuda/gemm.h"

namespace gptoss::backend::cuda {

// Per row, what the layers need to know; arrays in device memory.
struct BatchedRows {
    float* rotation = nullptr;                // [row][head_size / 2][cos, sin], times YaRN's attention factor
    std::int64_t* full_cache_rows = nullptr;  // element offset of the row's first key in a layer of the pool
    std::int64_t* sliding_cache_rows = nullptr;
};

// Copies the rows' embeddings to `residual` [row][hidden] and fills `rows`. With an `embedding` of nothing
// the residual is there already.
void launch_batched_embedding(const RowInput* inputs, std::int32_t row_count, const DeviceMatrix& embedding,
                              const std::int32_t* last_tokens, const RopeFrequencies& frequencies,
                              const KvPool& full, const KvPool& sliding, const BlockTables& tables,
                              const BatchedRows& rows, float* residual, cudaStream_t stream);

// residual += the weighted expert outputs of the layer before (null: none), then its RMS norm as float16
// activations. `sources`: null for all rows; otherwise only residual rows sources[i] are touched, each once,
// and normalised into row i.
struct RowNorm {
    float* residual = nullptr;               // [row][hidden]
    const __half* expert_outputs = nullptr;  // [row][experts per token][hidden], times kExpertOutputScale
    const float* gain = nullptr;             // [hidden]
    __half* normalised = nullptr;            // [row][hidden], columns in `order`
    ActivationOrder order = ActivationOrder::sequential;
    const std::int32_t* sources = nullptr;
    std::int32_t row_count = 0;
    std::int32_t hidden = 0;  // a multiple of 64, at most 4096
    float epsilon = 0;
};
void launch_row_norm(const RowNorm& norm, cudaStream_t stream);

// Has the norm divide SMs as the products do (launch.cuh); once for each device.
void prepare_batched_rows();

}  // namespace gptoss::backend::cuda

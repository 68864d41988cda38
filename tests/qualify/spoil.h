// What planted faults do to results in device memory. All are asynchronous on `stream`.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/cuda/attention_prefill.h"
#include "backend/cuda/decode_stages.h"

namespace gptoss::test {

// [row][columns], `stride` values apart, float32 or 16-bit.
struct Result {
    void* data = nullptr;
    bool is_float32 = false;
    std::int32_t rows = 0, columns = 0;
    std::int64_t stride = 0;
};

void spoil_lane(const Result& result, cudaStream_t stream);
void spoil_by_race(const Result& result, cudaStream_t stream);
void spoil_tile(const Result& result, cudaStream_t stream);
void spoil_rarely(const Result& result, cudaStream_t stream);
// The same number of rows behind them must have room.
void spoil_by_what_was_there(const Result& result, cudaStream_t stream);
void write_nowhere(cudaStream_t stream);
void spoil_deep_rows(const backend::cuda::PrefillAttention& attention, cudaStream_t stream);
void spoil_deep_rows(const backend::cuda::DecodeContext& context, cudaStream_t stream);
// The keys of the rows being computed, of 16 bits: with the other sign.
void spoil_keys(const backend::cuda::DecodeContext& context, const backend::cuda::LayerStage& stage,
                cudaStream_t stream);

}  // namespace gptoss::test

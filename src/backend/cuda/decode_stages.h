// The stages of one decode step, in the order they run, as functions that launch them. A step computes up to
// kMaxDecodeRows rows, each at its own place in its own sequence (or several consecutive rows of one
// sequence: keys are written before any are read).
//
// Per layer, five kernels, each a programmatic dependent of the one before:
//   1. query, key, value   norm, projection, bias, rotation, KV cache write
//   2. attention           split over the keys; the last split to finish combines
//   3. output              projection, bias, residual; its rows' share of the router's logits
//   4. gate and up         norm, router's top four, projections, SwiGLU
//   5. down                projection, bias, weighted sum, residual
// before them the embedding, after them lm_head. The sum of squares a norm needs is added up by the stage
// that writes the residual, in fixed point (primitives.cuh).
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "backend/cuda/device_state.h"
#include "backend/cuda/plan/execution_plan.h"
#include "backend/cuda/weights.h"

namespace gptoss::backend::cuda {

inline constexpr std::int32_t kMaxDecodeRows = kMaxDecodeTokens;

// Sums that stages add up across blocks, [layer][row][experts + 2]: the router's logits before normalisation,
// then the sum of squares of the residual before attention and before the experts. One layer more than the
// model has: its first sum of squares is the output norm's.
struct StepSums {
    long long* data = nullptr;
    std::int32_t layers = 0;
    std::int32_t experts = 0;

    constexpr std::int64_t stride() const { return experts + 2; }
    constexpr std::int64_t count() const { return std::int64_t{layers + 1} * kMaxDecodeRows * (experts + 2); }
    constexpr long long* router(std::int32_t layer, std::int32_t row) const {
        return data + (std::int64_t{layer} * kMaxDecodeRows + row) * stride();
    }
    constexpr long long* square_before_attention(std::int32_t layer, std::int32_t row) const {
        return router(layer, row) + experts;
    }
    constexpr long long* square_before_experts(std::int32_t layer, std::int32_t row) const {
        return router(layer, row) + experts + 1;
    }
};

// Device memory of a step; sizes for kMaxDecodeRows rows.
struct DecodeBuffers {
    float* residual = nullptr;           // [row][hidden]
    float* query = nullptr;              // [row][query_width], paired order, rotated
    std::uint16_t* attention = nullptr;  // [row][query_width], laid out for the output weights
    // [row][kExpertsPerToken][intermediate_size rounded up to 64], laid out for the down weights; gaps are zero. Of several
    // rows in whole tiles, stage 1 clears it, and stage 5 runs beside stage 4 (expert_hidden.cuh).
    std::uint16_t* expert_hidden = nullptr;
    float* attention_partials = nullptr;  // [row][kv head][kMaxKvSplits][kMaxGroupHeads][kHeadSize + 2]
    std::int32_t* attention_semaphores = nullptr;  // [row][kv head], zero between steps
    StepSums sums;
};

// What one row is, as the host knows it. `token` < 0: the slot's last sampled token.
struct RowInput {
    std::int32_t token = 0;
    std::int32_t position = 0;
    std::int32_t slot = 0;
    // First position of the row's segment: keys before it were complete before this step.
    std::int32_t first_new_position = 0;
    std::int32_t logits_index = -1;  // where its logits go; -1 = not wanted
};

// The arguments that every kernel of the decode pass gets, passed by value.
struct DecodeContext {
    std::int32_t rows = 0;
    std::int32_t hidden = 0, query_heads = 0, kv_heads = 0, experts = 0, intermediate_size = 0,
                 vocabulary = 0;
    std::int32_t sliding_window = 0;
    float epsilon = 0;
    std::int32_t sm_count = 0;
    std::int32_t shared_bytes_per_block = 0;  // the most one may ask for
    // What the plan chose (plan/execution_plan.h).
    std::int32_t token_columns = 4;
    bool single_token = false;
    bool kv_clusters = false, kv_streamed = false, whole_tiles = false;
    RowInput* inputs = nullptr;  // [row], device
    DeviceRows device_rows;
    BlockTables tables;
    DecodeBuffers buffers;
};

struct RopeFrequencies {
    double inverse[kHeadSize / 2] = {};
    double attention_factor = 1;  // YaRN's
};

// A step's rows as a parameter of its first kernel: a copy to the device would hold up the stream.
struct StepInputs {
    RowInput row[kMaxDecodeRows];
};

// Stores the rows for the kernels after it, resolves tokens, copies their embedding rows to the residual, computes
// rotations and clears the sums. An `embedding` of nothing: the residual is there already, what the layers before
// `first_layer` made of them.
void launch_embedding(const DecodeContext& context, const StepInputs& inputs, const DeviceMatrix& embedding,
                      std::int32_t first_layer, const std::int32_t* last_tokens,
                      const RopeFrequencies& frequencies, std::int32_t* tokens, std::int32_t* positions,
                      std::int32_t* slots, float* rotation, cudaStream_t stream);

struct LayerStage {
    std::int32_t layer = 0;
    std::int32_t pool_layer = 0;  // in its pool
    DeviceLayer weights;
    KvPool pool;  // of this layer's kind
    bool slides = false;
};
void launch_query_key_value(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream);
// `kv_splits`: into how many parts the keys of a row may be split, 1 .. kMaxKvSplits (KvPlan).
void launch_attention(const DecodeContext& context, const LayerStage& stage, std::int32_t kv_splits,
                      cudaStream_t stream);
void launch_output(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream);
void launch_gate_up(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream);
void launch_down(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream);

// Logits of the rows that want them: logits[logits_index][vocabulary], logits_stride floats apart.
void launch_lm_head(const DecodeContext& context, const float* output_norm, const DeviceMatrix& lm_head,
                    float* logits, std::int64_t logits_stride, cudaStream_t stream);

// Allows every kernel its shared memory on the current device; call once per device. Throws
// Error(device_failed).
void prepare_query_key_value();
void prepare_attention();
void prepare_output();
void prepare_gate_up();
void prepare_down();
void prepare_lm_head();

}  // namespace gptoss::backend::cuda

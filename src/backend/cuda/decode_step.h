// One decode step: all stages of all layers as one CUDA graph per number of rows and of KV splits.
#pragma once

#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "backend/cuda/cuda_device.h"
#include "backend/cuda/device_model.h"
#include "backend/cuda/memory.h"
#include "backend/cuda/operation_clock.h"

namespace gptoss::backend::cuda {

class DecodeStep {
  public:
    // `model`, `last_tokens` (device, by slot) and `logits` (device, rows `logits_stride` apart) must outlive
    // it. `device`: the card that kernels are chosen for.
    DecodeStep(const DeviceModel& model, const std::int32_t* last_tokens, float* logits,
               std::int64_t logits_stride, const DeviceTraits& device = current_device_traits());

    // Device memory a step of this shape needs.
    static std::int64_t workspace_bytes(const model::Hyperparameters& shape);

    // Enqueues the step on `stream`: at most kMaxDecodeRows rows. Rows of one slot are consecutive positions
    // in order. Logits are computed when any row has a logits_index. `residual` [row][hidden] when the first
    // layers are not here; read during the call.
    void run(std::span<const RowInput> rows, std::span<const float> residual, cudaStream_t stream);
    void run(std::span<const RowInput> rows, cudaStream_t stream) { run(rows, {}, stream); }

    // Marked after each stage of the runs from now on, which then are no graph; null: no longer.
    void set_clock(OperationClock* clock) { clock_ = clock; }

    // The stages one by one, for measurements: `first_stage` .. `last_stage` of one layer (0 = query, key,
    // value .. 4 = down), without the embedding.
    void run_stages(std::int32_t rows, const KvPlan& kv, std::int32_t layer, std::int32_t first_stage,
                    std::int32_t last_stage, cudaStream_t stream);
    void run_lm_head(std::int32_t rows, cudaStream_t stream);

    // [row][hidden] after the last layer, on the device, until the next run.
    const float* residual() const { return buffers_.residual; }

    // How the keys of `rows` rows are shared out when the longest has `positions` keys.
    KvPlan kv_plan_for(std::int32_t rows, std::int32_t positions) const;

  private:
    struct Variant {
        std::int32_t rows = 0;
        KvPlan kv;
        bool lm_head = false;
        auto operator<=>(const Variant&) const = default;
    };
    void enqueue(const Variant& variant, cudaStream_t stream);
    void enqueue_by_stage(const Variant& variant, cudaStream_t stream);
    DecodeContext context_for(std::int32_t rows) const;
    LayerStage layer_stage(std::int32_t layer) const;
    const GraphExec& graph_of(const Variant& variant);

    const DeviceModel& model_;
    DeviceTraits device_;
    PlanOptions plan_options_;
    const std::int32_t* last_tokens_;
    float* logits_;
    std::int64_t logits_stride_;
    Arena arena_;
    DecodeBuffers buffers_;
    RowInput* inputs_ = nullptr;
    std::int32_t *tokens_ = nullptr, *positions_ = nullptr, *slots_ = nullptr;
    float* rotation_ = nullptr;
    Stream capture_stream_;
    std::map<Variant, GraphExec> graphs_;
    OperationClock* clock_ = nullptr;
};

}  // namespace gptoss::backend::cuda

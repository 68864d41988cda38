// The forward pass for many rows at once: chunks of prompts, and batches too large for the decode step. Any
// number of segments of any sequences; everything stays on the device.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "backend/cuda/attention_prefill.h"
#include "backend/cuda/batched_routing.h"
#include "backend/cuda/batched_rows.h"
#include "backend/cuda/cuda_device.h"
#include "backend/cuda/device_model.h"
#include "backend/cuda/memory.h"
#include "backend/cuda/operation_clock.h"

namespace gptoss::backend::cuda {

// Blocks of keys that a row at `position` sees in a full layer.
constexpr std::int32_t key_blocks(std::int32_t position) {
    return position / model::kBlockTokens + 1;
}

class BatchedForward {
  public:
    // `model`, `last_tokens` (device, by slot) and `logits` (device, rows `logits_stride` floats apart) must
    // outlive it. `max_rows`: of one run(). Both KV pools must hold finite numbers from the start (zeros):
    // the unused end of a block is multiplied with probability zero. `device`: the card that kernels are chosen for;
    // one that has less than the current one shows what that card's kernels take.
    BatchedForward(const DeviceModel& model, const std::int32_t* last_tokens, float* logits,
                   std::int64_t logits_stride, std::int32_t max_rows,
                   const DeviceTraits& device = current_device_traits());

    // Device memory it claims.
    static std::int64_t workspace_bytes(const model::Hyperparameters& shape, std::int32_t max_rows);
    // Float16 numbers in it that dense weights may be unpacked into (PlanOptions::unpacked_room).
    static std::int64_t unpacked_room(const model::Hyperparameters& shape, std::int32_t max_rows);

    // Enqueues the whole pass. Rows of one sequence are consecutive and at consecutive positions; the
    // logits_index of the rows that want logits count 0, 1, 2, ... Returns before the work is done; blocks
    // only while the inputs of the run before last are still being copied. `residual` [row][hidden] when the
    // first layers are not here; read during the call.
    void run(std::span<const RowInput> rows, std::span<const float> residual, cudaStream_t stream);
    void run(std::span<const RowInput> rows, cudaStream_t stream) { run(rows, {}, stream); }

    // [row][hidden] after the last layer, on the device, until the next run: of rows that wanted logits.
    const float* residual() const { return buffers_.residual; }
    // How many experts of the last layer got rows in the last run, once that is over.
    const std::int32_t* experts_hit() const { return &buffers_.groups->group_count; }

    // For the runs from now on.
    void choose_kernels(const KernelChoice& kernels) { plan_options_.kernels = kernels; }

    // Marked after each operation of the runs from now on; null: no longer.
    void set_clock(OperationClock* clock) { clock_ = clock; }

  private:
    struct HostInputs {
        PinnedMemory memory, lone;
        Event copied;
    };
    struct Buffers {
        RowInput* inputs = nullptr;
        PrefillSegment* segments = nullptr;  // of more than one row
        std::int32_t* lone_rows = nullptr;   // the other rows
        LoneRowShare* lone_work = nullptr;   // or, of many: full layers', sliding ones', and the rows
        float* lone_row_partials = nullptr;
        std::int32_t* lone_row_semaphores = nullptr;
        std::int32_t* logits_sources = nullptr;  // rows that want logits
        BatchedRows rows;
        float* residual = nullptr;         // [row][hidden]
        __half* normalised = nullptr;      // [row][hidden]
        std::uint16_t* queries = nullptr;  // [row][query_width]
        __half* attention = nullptr;       // [row][query_width]
        std::int32_t* choices = nullptr;   // [row][experts per token]
        float* routing_weights = nullptr;  // [row][experts per token]
        std::int32_t* sorted_pairs = nullptr;
        GroupList* groups = nullptr;
        float* partial_logits = nullptr;
        __half* expert_hidden = nullptr;   // [sorted pair][intermediate_size]
        __half* expert_outputs = nullptr;  // [pair][hidden]
    };
    // Lone rows whose scores have room together.
    struct LoneGroup {
        std::int32_t first = 0, count = 0;  // among the lone rows
        std::int32_t most_blocks = 0;       // of keys, full layers
    };
    // What a run is, as the host sees it.
    struct Run {
        std::int32_t rows = 0, segments = 0, segment_rows = 0, lone_rows = 0, logits_rows = 0;
        std::int32_t context = 0;
        ExecutionPlan plan;
        std::vector<LoneGroup> lone_groups;  // where lone rows are computed in order
        ManyLoneRows full, sliding;          // where they are many
    };

    static std::int64_t lay_out(const model::Hyperparameters& shape, std::int32_t max_rows, std::byte* start,
                                Buffers* buffers);
    Run copy_inputs(std::span<const RowInput> rows, cudaStream_t stream);
    std::int64_t lone_blocks_at_once() const;
    void group_lone_rows(const RowInput* inputs, std::span<std::int32_t> lone_rows, Run* run) const;
    void deal_out_lone_rows(const RowInput* inputs, std::span<const std::int32_t> lone_rows,
                            LoneRowShare* work, Run* run, cudaStream_t stream) const;
    void project_query_key_value(const Run& run, std::int32_t layer, cudaStream_t stream);
    void attend(const Run& run, std::int32_t layer, cudaStream_t stream);
    void attend_to_lone_rows(const Run& run, std::int32_t layer, const PrefillAttention& attention,
                             cudaStream_t stream);
    void project_output(const Run& run, std::int32_t layer, cudaStream_t stream);
    Routing routing_of(const Run& run, std::int32_t layer) const;
    void choose_experts(const Run& run, std::int32_t layer, cudaStream_t stream);
    void compute_experts(const Run& run, std::int32_t layer, cudaStream_t stream);
    void compute_logits(const Run& run, cudaStream_t stream);
    void mark(const char* operation) {
        if (clock_ != nullptr) clock_->mark(operation);
    }

    const DeviceModel& model_;
    DeviceTraits device_;
    PlanOptions plan_options_;
    const std::int32_t* last_tokens_;
    float* logits_;
    std::int64_t logits_stride_;
    std::int32_t max_rows_;
    Arena arena_;
    Buffers buffers_;
    std::array<HostInputs, 2> host_inputs_;
    std::uint64_t runs_ = 0;
    OperationClock* clock_ = nullptr;
};

}  // namespace gptoss::backend::cuda

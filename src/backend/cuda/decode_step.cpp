#include "backend/cuda/decode_step.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace gptoss::backend::cuda {
namespace {

struct Sizes {
    explicit Sizes(const model::Hyperparameters& shape)
        : residual(std::int64_t{kMaxDecodeRows} * shape.hidden),
          query(std::int64_t{kMaxDecodeRows} * shape.query_width()),
          expert_hidden(std::int64_t{kMaxDecodeRows} * kExpertsPerToken *
                        ((shape.intermediate_size + 63) / 64 * 64)),
          partials(std::int64_t{kMaxDecodeRows} * shape.kv_heads * kMaxKvSplits * kMaxGroupHeads *
                   (kHeadSize + 2)),
          semaphores(std::int64_t{kMaxDecodeRows} * shape.kv_heads),
          sums(StepSums{nullptr, shape.layers, shape.experts}.count()),
          rotation(std::int64_t{kMaxDecodeRows} * kHeadSize) {}

    std::int64_t bytes() const {
        std::int64_t total = 0;
        for (const std::int64_t piece :
             {residual * 4, query * 4, query * 2, expert_hidden * 2, partials * 4, semaphores * 4, sums * 8,
              rotation * 4, kMaxDecodeRows * std::int64_t{sizeof(RowInput)}, kMaxDecodeRows * 4L,
              kMaxDecodeRows * 4L, kMaxDecodeRows * 4L})
            total += Arena::padded(piece);
        return total;
    }

    std::int64_t residual, query, expert_hidden, partials, semaphores, sums, rotation;
};

}  // namespace

std::int64_t DecodeStep::workspace_bytes(const model::Hyperparameters& shape) {
    return Sizes(shape).bytes();
}

DecodeStep::DecodeStep(const DeviceModel& model, const std::int32_t* last_tokens, float* logits,
                       std::int64_t logits_stride, const DeviceTraits& device)
    : model_(model),
      device_(device),
      plan_options_(plan_options_of(model.weights)),
      last_tokens_(last_tokens),
      logits_(logits),
      logits_stride_(logits_stride),
      arena_(Sizes(model.weights.shape).bytes()),
      capture_stream_(make_stream()) {
    const Sizes sizes(model.weights.shape);
    buffers_.residual = arena_.take_array<float>(sizes.residual);
    buffers_.query = arena_.take_array<float>(sizes.query);
    buffers_.attention = arena_.take_array<std::uint16_t>(sizes.query);
    buffers_.expert_hidden = arena_.take_array<std::uint16_t>(sizes.expert_hidden);
    buffers_.attention_partials = arena_.take_array<float>(sizes.partials);
    buffers_.attention_semaphores = arena_.take_array<std::int32_t>(sizes.semaphores);
    buffers_.sums = {arena_.take_array<long long>(sizes.sums), model.weights.shape.layers,
                     model.weights.shape.experts};
    rotation_ = arena_.take_array<float>(sizes.rotation);
    inputs_ = arena_.take_array<RowInput>(kMaxDecodeRows);
    tokens_ = arena_.take_array<std::int32_t>(kMaxDecodeRows);
    positions_ = arena_.take_array<std::int32_t>(kMaxDecodeRows);
    slots_ = arena_.take_array<std::int32_t>(kMaxDecodeRows);
    cuda_check(cudaMemset(buffers_.attention_semaphores, 0, static_cast<std::size_t>(sizes.semaphores) * 4));
    cuda_check(cudaMemset(buffers_.expert_hidden, 0, static_cast<std::size_t>(sizes.expert_hidden) * 2));
    prepare_query_key_value();
    prepare_attention();
    prepare_output();
    prepare_gate_up();
    prepare_down();
    prepare_lm_head();
    cuda_check(cudaDeviceSynchronize());
}

KvPlan DecodeStep::kv_plan_for(std::int32_t rows, std::int32_t positions) const {
    return plan_kv(rows, positions, device_, model_.weights.shape.kv_heads);
}

DecodeContext DecodeStep::context_for(std::int32_t rows) const {
    const model::Hyperparameters& shape = model_.weights.shape;
    DecodeContext context;
    context.rows = rows;
    context.hidden = shape.hidden;
    context.query_heads = shape.query_heads;
    context.kv_heads = shape.kv_heads;
    context.experts = shape.experts;
    context.intermediate_size = shape.intermediate_size;
    context.vocabulary = shape.vocabulary;
    context.sliding_window = shape.sliding_window;
    context.epsilon = static_cast<float>(shape.rms_epsilon);
    const ExecutionPlan plan = make_decode_plan({rows, 1, rows, 0}, device_, plan_options_);
    context.sm_count = device_.sm_count;
    context.shared_bytes_per_block = device_.shared_bytes_per_block;
    context.token_columns = plan.token_columns;
    context.single_token = plan.single_token;
    context.kv_clusters = plan.kv_clusters;
    context.whole_tiles = plan.whole_tiles;
    context.inputs = inputs_;
    context.device_rows = {tokens_, positions_, slots_, rotation_};
    context.tables = model_.tables;
    context.buffers = buffers_;
    return context;
}

LayerStage DecodeStep::layer_stage(std::int32_t layer) const {
    return {layer, model_.pool_layer(layer), model_.weights.layers[static_cast<std::size_t>(layer)],
            model_.pool(layer), model_.weights.shape.slides(layer)};
}

void DecodeStep::run_stages(std::int32_t rows, const KvPlan& kv, std::int32_t layer, std::int32_t first_stage,
                            std::int32_t last_stage, cudaStream_t stream) {
    DecodeContext context = context_for(rows);
    const LayerStage stage = layer_stage(layer);
    // A window has 9 groups of keys at most: not worth a second part.
    const std::int32_t layer_kv_splits = stage.slides ? 1 : kv.splits;
    context.kv_streamed = kv.streamed && !stage.slides;
    if (first_stage <= 0 && last_stage >= 0) launch_query_key_value(context, stage, stream);
    if (first_stage <= 1 && last_stage >= 1) launch_attention(context, stage, layer_kv_splits, stream);
    if (first_stage <= 2 && last_stage >= 2) launch_output(context, stage, stream);
    if (first_stage <= 3 && last_stage >= 3) launch_gate_up(context, stage, stream);
    if (first_stage <= 4 && last_stage >= 4) launch_down(context, stage, stream);
}

void DecodeStep::run_lm_head(std::int32_t rows, cudaStream_t stream) {
    launch_lm_head(context_for(rows), model_.weights.output_norm, model_.weights.lm_head, logits_,
                   logits_stride_, stream);
}

void DecodeStep::enqueue(const Variant& variant, cudaStream_t stream) {
    const model::LayerRange& range = model_.weights.range;
    for (std::int32_t layer = range.first; layer < range.end; ++layer)
        run_stages(variant.rows, variant.kv, layer, 0, 4, stream);
    if (variant.lm_head) run_lm_head(variant.rows, stream);
}

void DecodeStep::enqueue_by_stage(const Variant& variant, cudaStream_t stream) {
    const model::LayerRange& range = model_.weights.range;
    for (std::int32_t layer = range.first; layer < range.end; ++layer) {
        const std::array<const char*, 5> names = {
            "query, key, value",
            model_.weights.shape.slides(layer) ? "attention, sliding" : "attention, full",
            "attention output, router", "gate, up", "down"};
        for (std::int32_t stage = 0; stage < 5; ++stage) {
            run_stages(variant.rows, variant.kv, layer, stage, stage, stream);
            clock_->mark(names[static_cast<std::size_t>(stage)]);
        }
    }
    if (!variant.lm_head) return;
    run_lm_head(variant.rows, stream);
    clock_->mark("head");
}

const GraphExec& DecodeStep::graph_of(const Variant& variant) {
    GraphExec& executable = graphs_[variant];
    if (executable) return executable;
    cuda_check(cudaStreamBeginCapture(capture_stream_.get(), cudaStreamCaptureModeThreadLocal));
    enqueue(variant, capture_stream_.get());
    cudaGraph_t graph = nullptr;
    cuda_check(cudaStreamEndCapture(capture_stream_.get(), &graph));
    cudaGraphExec_t instantiated = nullptr;
    const cudaError_t status = cudaGraphInstantiate(&instantiated, graph, 0);
    cudaGraphDestroy(graph);
    cuda_check(status);
    executable.reset(instantiated);
    return executable;
}

void DecodeStep::run(std::span<const RowInput> rows, std::span<const float> residual, cudaStream_t stream) {
    check(!rows.empty() && rows.size() <= kMaxDecodeRows, "a decode step of 1 to 8 rows");
    check(residual.size() == (model_.weights.range.first > 0 ? rows.size() * model_.weights.shape.hidden : 0),
          "residual rows where the first layers are elsewhere");
    Variant variant;
    variant.rows = static_cast<std::int32_t>(rows.size());
    std::int32_t positions = 0;
    for (const RowInput& row : rows) {
        positions = std::max(positions, row.position + 1);
        variant.lm_head = variant.lm_head || row.logits_index >= 0;
    }
    variant.kv = kv_plan_for(variant.rows, positions);
    // From pageable memory: the driver has copied it away when the calls return.
    if (!residual.empty())
        cuda_check(cudaMemcpyAsync(buffers_.residual, residual.data(), residual.size_bytes(),
                                   cudaMemcpyHostToDevice, stream));
    // No part of the graph: its parameters are the rows.
    StepInputs inputs;
    std::copy(rows.begin(), rows.end(), inputs.row);
    launch_embedding(context_for(variant.rows), inputs, model_.weights.embedding, model_.weights.range.first,
                     last_tokens_, model_.frequencies, tokens_, positions_, slots_, rotation_, stream);
    if (clock_ != nullptr) {
        clock_->mark("embedding");
        enqueue_by_stage(variant, stream);
    } else {
        cuda_check(cudaGraphLaunch(graph_of(variant).get(), stream));
    }
}

}  // namespace gptoss::backend::cuda

#include "backend/cuda/batched_forward.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace gptoss::backend::cuda {

namespace {

// Hands out aligned pieces; with a null start it only counts.
class Layout {
  public:
    explicit Layout(std::byte* start = nullptr) : start_(start) {}
    template <typename T>
    T* take(std::int64_t count) {
        std::byte* piece = start_ == nullptr ? nullptr : start_ + bytes_;
        bytes_ += Arena::padded(count * static_cast<std::int64_t>(sizeof(T)));
        return reinterpret_cast<T*>(piece);
    }
    std::int64_t bytes() const { return bytes_; }

  private:
    std::byte* start_;
    std::int64_t bytes_ = 0;
};

// Of lone rows: one for each row and key head, or for each worker.
std::int64_t semaphore_count(const model::Hyperparameters& shape, std::int32_t max_rows) {
    return std::max(std::int64_t{max_rows} * shape.kv_heads, std::int64_t{kMostLoneWorkers});
}

}  // namespace

// The experts' outputs have been added to the residual when a layer begins, and come again at its end: between, dense
// weights are unpacked in their place.
std::int64_t BatchedForward::unpacked_room(const model::Hyperparameters& shape, std::int32_t max_rows) {
    return std::int64_t{max_rows} * kExpertsPerToken * shape.hidden;
}

std::int64_t BatchedForward::workspace_bytes(const model::Hyperparameters& shape, std::int32_t max_rows) {
    return lay_out(shape, max_rows, nullptr, nullptr);
}

// The only description of the workspace: `buffers` null just counts.
std::int64_t BatchedForward::lay_out(const model::Hyperparameters& shape, std::int32_t max_rows,
                                     std::byte* start, Buffers* buffers) {
    const std::int64_t rows = max_rows, pairs = rows * kExpertsPerToken;
    Layout layout(start);
    Buffers b;
    b.inputs = layout.take<RowInput>(rows);
    b.segments = layout.take<PrefillSegment>(rows);
    b.lone_rows = layout.take<std::int32_t>(rows);
    b.lone_work = layout.take<LoneRowShare>(2 * kMostLoneWorkers + rows);
    b.lone_row_partials = layout.take<float>(std::max(kLoneRowFloats, kManyLoneRowFloats));
    b.lone_row_semaphores = layout.take<std::int32_t>(semaphore_count(shape, max_rows));
    b.logits_sources = layout.take<std::int32_t>(rows);
    b.rows.rotation = layout.take<float>(rows * kHeadSize);
    b.rows.full_cache_rows = layout.take<std::int64_t>(rows);
    b.rows.sliding_cache_rows = layout.take<std::int64_t>(rows);
    b.residual = layout.take<float>(rows * shape.hidden);
    b.normalised = layout.take<__half>(rows * shape.hidden);
    b.choices = layout.take<std::int32_t>(pairs);
    b.routing_weights = layout.take<float>(pairs);
    b.sorted_pairs = layout.take<std::int32_t>(pairs);
    b.groups = layout.take<GroupList>(1);
    b.partial_logits = layout.take<float>(partial_logits_count(shape.hidden));
    b.expert_outputs = layout.take<__half>(pairs * shape.hidden);
    // Queries and attention outputs are over before the experts' hidden values begin: they share memory.
    const std::int64_t shared_start = layout.bytes();
    b.queries = layout.take<std::uint16_t>(rows * shape.query_width());
    b.attention = layout.take<__half>(rows * shape.query_width());
    Layout other(start == nullptr ? nullptr : start + shared_start);
    b.expert_hidden = other.take<__half>(pairs * shape.intermediate_size);
    if (buffers != nullptr) *buffers = b;
    return std::max(layout.bytes(), shared_start + other.bytes());
}

BatchedForward::BatchedForward(const DeviceModel& model, const std::int32_t* last_tokens, float* logits,
                               std::int64_t logits_stride, std::int32_t max_rows, const DeviceTraits& device)
    : model_(model),
      device_(device),
      plan_options_(plan_options_of(model.weights)),
      last_tokens_(last_tokens),
      logits_(logits),
      logits_stride_(logits_stride),
      max_rows_(max_rows),
      arena_(workspace_bytes(model.weights.shape, max_rows)) {
    check(max_rows > 0, "room for at least one row");
    plan_options_.kv_types = {model.full.type, model.sliding.type};
    plan_options_.unpacked_room = unpacked_room(model.weights.shape, max_rows);
    prepare_gemm();
    prepare_prefill_attention();
    prepare_many_lone_rows_attention();
    prepare_lone_row_chain_attention();
    prepare_routing();
    prepare_few_experts();
    prepare_batched_rows();
    check(model.weights.shape.experts_per_token == kExpertsPerToken, "four experts a token");
    lay_out(model.weights.shape, max_rows, arena_.take(workspace_bytes(model.weights.shape, max_rows)),
            &buffers_);
    cuda_check(cudaMemset(buffers_.lone_row_semaphores, 0,
                          semaphore_count(model.weights.shape, max_rows) * sizeof(std::int32_t)));
    for (HostInputs& inputs : host_inputs_) {
        inputs.memory =
            allocate_pinned(max_rows * static_cast<std::int64_t>(sizeof(RowInput) + sizeof(PrefillSegment) +
                                                                 2 * sizeof(std::int32_t)));
        inputs.lone = allocate_pinned((2 * kMostLoneWorkers + max_rows) * std::int64_t{sizeof(LoneRowShare)});
        inputs.copied = make_event();
    }
}

void BatchedForward::run(std::span<const RowInput> rows, std::span<const float> residual,
                         cudaStream_t stream) {
    const model::LayerRange& range = model_.weights.range;
    check(residual.size() == (range.first > 0 ? rows.size() * model_.weights.shape.hidden : 0),
          "residual rows where the first layers are elsewhere");
    const Run run = copy_inputs(rows, stream);
    // From pageable memory: the driver has copied it away when the call returns.
    if (!residual.empty())
        cuda_check(cudaMemcpyAsync(buffers_.residual, residual.data(), residual.size_bytes(),
                                   cudaMemcpyHostToDevice, stream));
    launch_batched_embedding(buffers_.inputs, run.rows, model_.weights.embedding, last_tokens_,
                             model_.frequencies, model_.full, model_.sliding, model_.tables, buffers_.rows,
                             buffers_.residual, stream);
    mark("embedding");
    for (std::int32_t layer = range.first; layer < range.end; ++layer) {
        project_query_key_value(run, layer, stream);
        // The last layer's keys and values are all that later rows need of it.
        if (layer + 1 == range.end && run.logits_rows == 0) return;
        attend(run, layer, stream);
        project_output(run, layer, stream);
        choose_experts(run, layer, stream);
        compute_experts(run, layer, stream);
    }
    compute_logits(run, stream);
}

BatchedForward::Run BatchedForward::copy_inputs(std::span<const RowInput> rows, cudaStream_t stream) {
    check(static_cast<std::int64_t>(rows.size()) <= max_rows_, "no more rows than there is room for");
    HostInputs& host = host_inputs_[runs_++ % host_inputs_.size()];
    cuda_check(cudaEventSynchronize(host.copied.get()));
    auto* inputs = reinterpret_cast<RowInput*>(host.memory.get());
    auto* segments = reinterpret_cast<PrefillSegment*>(inputs + max_rows_);
    auto* logits_sources = reinterpret_cast<std::int32_t*>(segments + max_rows_);
    std::int32_t* lone_rows = logits_sources + max_rows_;

    Run run;
    PrefillSegment segment;
    const bool in_order = plan_options_.kernels.batch_invariant;
    const auto close_segment = [&] {
        if (segment.row_count == 0) return;
        // A prompt of one row has the same bits, whatever its length.
        const bool has_room = !in_order || key_blocks(segment.first_position) <= lone_blocks_at_once();
        if (segment.row_count == 1 && has_room) {
            lone_rows[run.lone_rows++] = segment.first_row;
            return;
        }
        segments[run.segments++] = segment;
        run.segment_rows += segment.row_count;
    };
    for (const RowInput& row : rows) {
        inputs[run.rows] = row;
        if (run.rows == 0 || row.slot != segment.slot) {
            close_segment();
            segment = {row.slot, run.rows, 0, row.position};
        }
        check(row.position == segment.first_position + segment.row_count,
              "a segment's positions are consecutive");
        ++segment.row_count;
        if (row.logits_index >= 0) {
            check(row.logits_index == run.logits_rows, "logits rows are counted in order");
            logits_sources[run.logits_rows++] = run.rows;
        }
        run.context = std::max(run.context, row.position + 1);
        ++run.rows;
    }
    close_segment();
    const std::span lone{lone_rows, static_cast<std::size_t>(run.lone_rows)};
    if (in_order) group_lone_rows(inputs, lone, &run);
    run.plan =
        make_batched_plan({run.rows, run.context, run.logits_rows, run.lone_rows}, device_, plan_options_);
    const auto copy = [&](void* to, const void* from, std::size_t bytes) {
        if (bytes > 0) cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream));
    };
    copy(buffers_.inputs, inputs, run.rows * sizeof(RowInput));
    copy(buffers_.segments, segments, run.segments * sizeof(PrefillSegment));
    if (!run.plan.shares_lone_rows)
        copy(buffers_.lone_rows, lone_rows, lone.size_bytes());
    else
        deal_out_lone_rows(inputs, lone, reinterpret_cast<LoneRowShare*>(host.lone.get()), &run, stream);
    copy(buffers_.logits_sources, logits_sources, run.logits_rows * sizeof(std::int32_t));
    cuda_check(cudaEventRecord(host.copied.get(), stream));
    return run;
}

// Expert outputs of the layer before, norm, projection, bias, rotation; queries stay, keys and values go into
// the cache.
void BatchedForward::project_query_key_value(const Run& run, std::int32_t layer, cudaStream_t stream) {
    const model::Hyperparameters& shape = model_.weights.shape;
    const DeviceLayer& weights = model_.weights.layers[layer];
    RowNorm norm;
    norm.residual = buffers_.residual;
    norm.expert_outputs = layer > model_.weights.range.first ? buffers_.expert_outputs : nullptr;
    norm.gain = weights.attention_norm;
    norm.normalised = buffers_.normalised;
    norm.order = activation_order(weights.qkv.type);
    norm.row_count = run.rows;
    norm.hidden = shape.hidden;
    norm.epsilon = static_cast<float>(shape.rms_epsilon);
    launch_row_norm(norm, stream);
    mark("attention norm");

    const KvPool& pool = model_.pool(layer);
    GemmProblem problem;
    problem.weights = weights.qkv;
    problem.activations = buffers_.normalised;
    problem.row_count = run.rows;
    problem.epilogue.kind = Epilogue::query_key_value;
    problem.epilogue.bias = weights.qkv_bias;
    problem.epilogue.queries = buffers_.queries;
    problem.epilogue.query_rows = shape.query_width();
    problem.epilogue.kv_rows = shape.kv_width();
    problem.epilogue.rotation = buffers_.rows.rotation;
    problem.epilogue.cache_rows =
        shape.slides(layer) ? buffers_.rows.sliding_cache_rows : buffers_.rows.full_cache_rows;
    problem.epilogue.cache =
        pool.data + model_.pool_layer(layer) * pool.layer_elements() * model::kv_element_bytes(pool.type);
    problem.epilogue.cache_type = pool.type;
    problem.unpacked = buffers_.expert_outputs;
    launch_gemm(problem, run.plan.qkv, device_.sm_count, stream);
    mark("query, key, value");
}

void BatchedForward::attend(const Run& run, std::int32_t layer, cudaStream_t stream) {
    const model::Hyperparameters& shape = model_.weights.shape;
    const DeviceLayer& weights = model_.weights.layers[layer];
    PrefillAttention attention;
    attention.segments = buffers_.segments;
    attention.segment_count = run.segments;
    attention.row_count = run.segment_rows;
    attention.queries = buffers_.queries;
    attention.query_heads = shape.query_heads;
    attention.pool = model_.pool(layer);
    attention.pool_layer = model_.pool_layer(layer);
    attention.tables = shape.slides(layer) ? model_.tables.sliding : model_.tables.full;
    attention.table_stride = model_.tables.table_stride;
    attention.window = shape.slides(layer) ? shape.sliding_window : 0;
    attention.sinks = weights.sinks;
    attention.output = buffers_.attention;
    attention.order = activation_order(weights.output.type);
    launch_prefill_attention(attention, run.plan.attention_uses_wgmma, stream);
    attend_to_lone_rows(run, layer, attention, stream);
    mark(shape.slides(layer) ? "attention, sliding" : "attention, full");
}

// residual += output * attention + bias
void BatchedForward::project_output(const Run& run, std::int32_t layer, cudaStream_t stream) {
    const DeviceLayer& weights = model_.weights.layers[layer];
    GemmProblem problem;
    problem.weights = weights.output;
    problem.activations = buffers_.attention;
    problem.row_count = run.rows;
    problem.epilogue.kind = Epilogue::residual;
    problem.epilogue.bias = weights.output_bias;
    problem.epilogue.output = buffers_.residual;
    problem.epilogue.output_stride = model_.weights.shape.hidden;
    problem.unpacked = buffers_.expert_outputs;
    launch_gemm(problem, run.plan.output, device_.sm_count, stream);
    mark("attention output");
}

Routing BatchedForward::routing_of(const Run& run, std::int32_t layer) const {
    const model::Hyperparameters& shape = model_.weights.shape;
    const DeviceLayer& weights = model_.weights.layers[layer];
    Routing routing;
    routing.residual = buffers_.residual;
    routing.gain = weights.expert_norm;
    routing.router = weights.router;
    routing.router_bias = weights.router_bias;
    routing.row_count = run.rows;
    routing.hidden = shape.hidden;
    routing.experts = shape.experts;
    routing.epsilon = static_cast<float>(shape.rms_epsilon);
    routing.normalised = buffers_.normalised;
    routing.order = activation_order(weights.gate_up.type);
    routing.choices = buffers_.choices;
    routing.routing_weights = buffers_.routing_weights;
    routing.groups = buffers_.groups;
    routing.partial_logits = buffers_.partial_logits;
    routing.in_order = run.plan.routes_in_order;
    routing.tile_tokens = run.plan.experts.tile_tokens;
    routing.sorted_pairs = buffers_.sorted_pairs;
    return routing;
}

// Norm, router, top four, and the rows sorted by expert; of few rows only what the products choose from.
void BatchedForward::choose_experts(const Run& run, std::int32_t layer, cudaStream_t stream) {
    const Routing routing = routing_of(run, layer);
    run.plan.products_choose_experts ? launch_partial_logits(routing, stream)
                                     : launch_routing(routing, stream);
    mark("routing");
}

// SwiGLU of gate and up, then down times the routing weight, one output row a (row, expert) pair. They are
// summed by the next norm, always in the same order.
void BatchedForward::compute_experts(const Run& run, std::int32_t layer, cudaStream_t stream) {
    const model::Hyperparameters& shape = model_.weights.shape;
    const DeviceLayer& weights = model_.weights.layers[layer];
    const auto launch = [&](const GemmProblem& product) {
        run.plan.products_choose_experts
            ? launch_few_experts(product, routing_of(run, layer), device_.sm_count, stream)
            : launch_gemm(product, run.plan.experts, device_.sm_count, stream);
    };
    GemmProblem problem;
    problem.weights = weights.gate_up;
    problem.experts = shape.experts;
    problem.activations = buffers_.normalised;
    problem.source_rows = buffers_.sorted_pairs;
    problem.source_divisor = kExpertsPerToken;
    problem.groups = buffers_.groups;
    problem.row_count = run.rows * kExpertsPerToken;
    problem.epilogue.kind = Epilogue::swiglu;
    problem.epilogue.bias = weights.gate_up_bias;
    problem.epilogue.activations = buffers_.expert_hidden;
    problem.epilogue.order = activation_order(weights.down.type);
    launch(problem);
    mark("gate, up");

    problem.groups_are_settled = true;
    problem.weights = weights.down;
    problem.activations = buffers_.expert_hidden;
    problem.source_rows = nullptr;
    problem.epilogue = {};
    problem.epilogue.kind = Epilogue::expert_output;
    problem.epilogue.bias = weights.down_bias;
    problem.epilogue.expert_outputs = buffers_.expert_outputs;
    problem.epilogue.pairs = buffers_.sorted_pairs;
    problem.epilogue.routing_weights = buffers_.routing_weights;
    launch(problem);
    mark("down");
}

void BatchedForward::compute_logits(const Run& run, cudaStream_t stream) {
    const model::Hyperparameters& shape = model_.weights.shape;
    RowNorm norm;
    norm.residual = buffers_.residual;
    norm.expert_outputs = buffers_.expert_outputs;
    norm.gain = model_.weights.output_norm;
    norm.normalised = buffers_.normalised;
    norm.order = activation_order(model_.weights.lm_head.type);
    norm.sources = buffers_.logits_sources;
    norm.row_count = run.logits_rows;
    norm.hidden = shape.hidden;
    norm.epsilon = static_cast<float>(shape.rms_epsilon);
    launch_row_norm(norm, stream);

    GemmProblem problem;
    problem.weights = model_.weights.lm_head;
    problem.activations = buffers_.normalised;
    problem.row_count = run.logits_rows;
    problem.epilogue.kind = Epilogue::logits;
    problem.epilogue.output = logits_;
    problem.epilogue.output_stride = logits_stride_;
    problem.epilogue.output_columns = shape.vocabulary;
    launch_gemm(problem, run.plan.lm_head, device_.sm_count, stream);
    mark("head");
}

}  // namespace gptoss::backend::cuda

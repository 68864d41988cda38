#include "backend/cuda/cuda_backend.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backend/check_batch.h"
#include "backend/cuda/batched_forward.h"
#include "backend/cuda/cuda_device.h"
#include "backend/cuda/decode_step.h"
#include "backend/cuda/device_model.h"
#include "backend/cuda/device_sampler.h"
#include "backend/cuda/hidden_rows.h"
#include "backend/cuda/load_to_device.h"
#include "backend/cuda/repack.h"
#include "backend/cuda/weight_layout.h"
#include "base/check.h"
#include "base/error.h"
#include "model/rope.h"

namespace gptoss::backend {
namespace cuda {
namespace {

// What the driver's context takes on the device, and what kernels and graphs add to it once they are loaded:
// 527 and 13 MiB measured on an H100 with driver 580 (docs/performance.md), the second with room for other
// cards' code.
constexpr std::int64_t kContextBytes = 527LL << 20;
constexpr std::int64_t kModulesBytes = 32LL << 20;

std::int32_t table_stride(const model::PlanRequest& request) {
    return (request.context_length + model::kBlockTokens - 1) / model::kBlockTokens + 1;
}

std::int64_t logits_bytes(const model::Hyperparameters& shape, std::int32_t max_sequences) {
    return std::int64_t{max_sequences} * shape.vocabulary * std::int64_t{sizeof(float)};
}

std::int64_t tables_bytes(const model::PlanRequest& request) {
    return std::int64_t{request.max_sequences} * table_stride(request) * std::int64_t{sizeof(std::int32_t)};
}

// The host's copy of the block tables, so that only what changed is sent.
class Tables {
  public:
    Tables(std::int32_t* device, std::int32_t slots, std::int32_t stride)
        : device_(device), stride_(stride), host_(static_cast<std::size_t>(slots) * stride, kNoBlock) {}

    void update(std::int32_t slot, std::span<const BlockId> blocks, cudaStream_t stream) {
        check(static_cast<std::int32_t>(blocks.size()) <= stride_, "a block table longer than the context");
        BlockId* mine = host_.data() + static_cast<std::size_t>(slot) * stride_;
        const auto first = std::mismatch(blocks.begin(), blocks.end(), mine).first - blocks.begin();
        if (first == static_cast<std::ptrdiff_t>(blocks.size())) return;
        auto last = static_cast<std::ptrdiff_t>(blocks.size());
        while (mine[last - 1] == blocks[static_cast<std::size_t>(last - 1)]) --last;
        std::copy(blocks.begin() + first, blocks.begin() + last, mine + first);
        // From pageable memory: the driver has copied it away when the call returns.
        cuda_check(cudaMemcpyAsync(device_ + static_cast<std::ptrdiff_t>(slot) * stride_ + first,
                                   mine + first, static_cast<std::size_t>(last - first) * sizeof(BlockId),
                                   cudaMemcpyHostToDevice, stream));
    }

  private:
    std::int32_t* device_;
    std::int32_t stride_;
    std::vector<BlockId> host_;
};

// The pool of full-attention or of sliding layers, of those in `range`; its memory is claimed later.
KvPool make_pool(const model::Hyperparameters& shape, const model::MemoryPlan& plan,
                 const model::LayerRange& range, bool sliding) {
    return {nullptr,
            plan.request.kv_types.of(sliding),
            sliding ? range.sliding_layers() : range.full_layers(),
            sliding ? plan.sliding_blocks : plan.full_blocks,
            shape.kv_heads,
            shape.head_size};
}

std::int64_t pool_bytes(const KvPool& pool) {
    return pool.layer_elements() * pool.layers * model::kv_element_bytes(pool.type);
}

class CudaBackend final : public Backend {
  public:
    // `device` is current in the calling thread.
    CudaBackend(Device device, DeviceWeights weights, const BackendOptions& options)
        : device_(std::move(device)),
          shape_(weights.shape),
          max_sequences_(options.plan.request.max_sequences),
          limits_(options.plan.request),
          stream_(make_stream()),
          model_{.weights = std::move(weights),
                 .full = make_pool(shape_, options.plan, model_.weights.range, false),
                 .sliding = make_pool(shape_, options.plan, model_.weights.range, true)},
          arena_(Arena::padded(pool_bytes(model_.full)) + Arena::padded(pool_bytes(model_.sliding)) +
                 2 * Arena::padded(tables_bytes(options.plan.request)) +
                 Arena::padded(logits_bytes(shape_, max_sequences_))),
          sampler_(shape_.vocabulary, options.padding_from, max_sequences_),
          hidden_rows_(model_.weights, max_sequences_) {
        const model::PlanRequest& request = options.plan.request;
        for (KvPool* pool : {&model_.full, &model_.sliding}) pool->data = arena_.take(pool_bytes(*pool));
        const std::int32_t stride = table_stride(request);
        auto* full = reinterpret_cast<std::int32_t*>(arena_.take(tables_bytes(request)));
        auto* sliding = reinterpret_cast<std::int32_t*>(arena_.take(tables_bytes(request)));
        model_.tables = {full, sliding, stride};
        full_tables_ = Tables(full, max_sequences_, stride);
        sliding_tables_ = Tables(sliding, max_sequences_, stride);
        logits_ = arena_.take_array<float>(std::int64_t{max_sequences_} * shape_.vocabulary);
        const model::RopeTable rope = model::rope_table(shape_);
        std::copy(rope.inverse_frequencies.begin(), rope.inverse_frequencies.end(),
                  model_.frequencies.inverse);
        model_.frequencies.attention_factor = rope.attention_factor;
        model_.weights.kernels = options.kernels;
        plan_options_ = plan_options_of(model_.weights);
        plan_options_.kv_types = {model_.full.type, model_.sliding.type};
        if (options.kernels.batch_invariant) require_batch_invariance(device_.traits(), plan_options_);
        decode_ = std::make_unique<DecodeStep>(model_, sampler_.last_tokens(), logits_, shape_.vocabulary);
        if (takes_batched_pass(shape_))
            batched_ = std::make_unique<BatchedForward>(model_, sampler_.last_tokens(), logits_,
                                                        shape_.vocabulary, limits_.max_batch_tokens);
        // Keys and values must be numbers from the start, also where nobody has written yet.
        for (const KvPool* pool : {&model_.full, &model_.sliding})
            if (pool->layers > 0)
                cuda_check(cudaMemset(pool->data, 0, static_cast<std::size_t>(pool_bytes(*pool))));

        info_.device = device_.name();
        const model::LayerRange& range = model_.weights.range;
        info_.placement = (range.first == 0 ? "all " + std::to_string(shape_.layers) + " layers"
                                            : "layers " + std::to_string(range.first) + "-" +
                                                  std::to_string(range.end - 1)) +
                          " and head on GPU " + std::to_string(device_.ordinal());
        info_.claimed_bytes =
            model_.weights.bytes + arena_.used_bytes() + DecodeStep::workspace_bytes(shape_) +
            (batched_ ? BatchedForward::workspace_bytes(shape_, limits_.max_batch_tokens) : 0) +
            DeviceSampler::workspace_bytes(shape_.vocabulary, max_sequences_) +
            HiddenRows::workspace_bytes(shape_, max_sequences_);
        // Order 0 depends on the batch, and on how many SMs share a step (docs/numerics.md).
        const DeviceTraits& traits = device_.traits();
        info_.batch_invariant = options.kernels.batch_invariant;
        info_.numerics = std::string("cuda; order ") + (info_.batch_invariant ? "2" : "0") + "; sm_" +
                         std::to_string(traits.compute_major) + std::to_string(traits.compute_minor) + "; " +
                         (info_.batch_invariant ? "" : std::to_string(traits.sm_count) + " SMs; ") +
                         model::name_of(limits_.kv_types) + " cache";
        info_.reports_hidden = true;
        info_.asynchronous = true;
        cuda_check(cudaDeviceSynchronize());
    }
    CudaBackend(const CudaBackend&) = delete;
    CudaBackend& operator=(const CudaBackend&) = delete;
    ~CudaBackend() override { cudaStreamSynchronize(stream_.get()); }  // of whichever device

    const BackendInfo& info() const override { return info_; }

    void forward(const Batch& batch) override {
        const CurrentDevice current(device_);
        check_batch(batch, limits_, shape_, model_.weights.range);
        for (const Segment& segment : batch.segments) {
            const auto blocks = static_cast<std::size_t>(
                (segment.first_position + segment.row_count + model::kBlockTokens - 1) / model::kBlockTokens);
            full_tables_.update(segment.slot, segment.full_blocks.first(blocks), stream_.get());
            sliding_tables_.update(segment.slot, segment.sliding_blocks.first(blocks), stream_.get());
        }
        logits_rows_ = static_cast<std::int32_t>(batch.logits_rows.size());
        const std::vector<RowInput> inputs = inputs_of(batch);
        if (times_ == nullptr) return enqueue(inputs, batch.residual);
        OperationClock clock(stream_.get());
        set_clock(&clock);
        enqueue(inputs, batch.residual);
        set_clock(nullptr);
        clock.add_to(*times_);
    }

    void time_operations(std::vector<OperationTime>* times) override { times_ = times; }

    bool choose_kernels(const KernelChoice& kernels) override {
        if (kernels.batch_invariant != info_.batch_invariant) return false;
        plan_options_.kernels = kernels;
        if (batched_) batched_->choose_kernels(kernels);
        return true;
    }

    StepHandle sample(std::span<const SampleRow> rows) override {
        const CurrentDevice current(device_);
        for (const SampleRow& row : rows) {
            check(row.logits_index >= 0 && row.logits_index < logits_rows_, "logits that were not computed");
            check(row.slot >= 0 && row.slot < max_sequences_, "a slot outside the plan");
        }
        hidden_rows_.copy(sampler_.next_handle(), rows, stream_.get());
        return sampler_.sample(rows, logits_, shape_.vocabulary, stream_.get());
    }

    std::span<const SampledToken> wait(StepHandle handle) override {
        const CurrentDevice current(device_);
        const std::span<SampledToken> tokens = sampler_.wait(handle);
        hidden_rows_.add_to(handle, tokens);
        return tokens;
    }

    void read_logits(std::int32_t logits_index, std::span<float> out) override {
        const CurrentDevice current(device_);
        check(logits_index >= 0 && logits_index < logits_rows_, "a logits row that was not computed");
        check(static_cast<std::int32_t>(out.size()) == shape_.vocabulary, "room for one row of logits");
        cuda_check(cudaMemcpyAsync(out.data(), logits_ + std::int64_t{logits_index} * shape_.vocabulary,
                                   out.size_bytes(), cudaMemcpyDeviceToHost, stream_.get()));
        cuda_check(cudaStreamSynchronize(stream_.get()));
    }

    void copy_block(Pool which, BlockId from, BlockId to) override {
        const CurrentDevice current(device_);
        const KvPool& pool = which == Pool::full ? model_.full : model_.sliding;
        check(from >= 0 && from < pool.blocks && to >= 0 && to < pool.blocks, "blocks of the pool");
        if (pool.layers == 0) return;  // one layer alone is of one kind
        const std::int64_t element_bytes = model::kv_element_bytes(pool.type);
        const std::int64_t block_bytes = pool.block_elements() * element_bytes;
        const auto pitch = static_cast<std::size_t>(pool.layer_elements() * element_bytes);
        cuda_check(cudaMemcpy2DAsync(pool.data + to * block_bytes, pitch, pool.data + from * block_bytes,
                                     pitch, static_cast<std::size_t>(block_bytes),
                                     static_cast<std::size_t>(pool.layers), cudaMemcpyDeviceToDevice,
                                     stream_.get()));
    }

  private:
    void enqueue(const std::vector<RowInput>& inputs, std::span<const float> residual) {
        const ExecutionPlan plan =
            make_plan({static_cast<std::int32_t>(inputs.size())}, device_.traits(), plan_options_);
        if (plan.pass == Pass::batched) {
            batched_->run(inputs, residual, stream_.get());
            hidden_rows_.note(inputs, batched_->residual());
            return;
        }
        const std::size_t width = residual.size() / inputs.size();
        const auto step_rows = static_cast<std::size_t>(plan.tokens_per_step);
        for (std::size_t first = 0; first < inputs.size(); first += step_rows) {
            const std::size_t rows = std::min(step_rows, inputs.size() - first);
            const std::span<const RowInput> some = std::span(inputs).subspan(first, rows);
            decode_->run(some, residual.subspan(first * width, rows * width), stream_.get());
            hidden_rows_.note(some, decode_->residual());
            if (rows < inputs.size())
                hidden_rows_.keep(some, stream_.get());  // the next step writes over them
        }
    }

    void set_clock(OperationClock* clock) {
        decode_->set_clock(clock);
        if (batched_) batched_->set_clock(clock);
    }

    static std::vector<RowInput> inputs_of(const Batch& batch) {
        std::vector<RowInput> inputs;
        inputs.reserve(batch.tokens.size());
        std::size_t next_logits = 0;
        for (const Segment& segment : batch.segments)
            for (std::int32_t i = 0; i < segment.row_count; ++i) {
                const std::int32_t row = segment.first_row + i;
                RowInput input;
                input.token = batch.tokens[static_cast<std::size_t>(row)];
                input.position = segment.first_position + i;
                input.slot = segment.slot;
                input.first_new_position = segment.first_position;
                if (next_logits < batch.logits_rows.size() && batch.logits_rows[next_logits] == row)
                    input.logits_index = static_cast<std::int32_t>(next_logits++);
                inputs.push_back(input);
            }
        return inputs;
    }

    Device device_;
    model::Hyperparameters shape_;
    std::int32_t max_sequences_;
    model::PlanRequest limits_;
    Stream stream_;
    DeviceModel model_;
    Arena arena_;
    DeviceSampler sampler_;
    HiddenRows hidden_rows_;
    Tables full_tables_{nullptr, 0, 0}, sliding_tables_{nullptr, 0, 0};
    float* logits_ = nullptr;  // [max_sequences][vocabulary]
    std::int32_t logits_rows_ = 0;
    PlanOptions plan_options_;
    std::unique_ptr<DecodeStep> decode_;
    std::unique_ptr<BatchedForward> batched_;  // more; null when the shape does not fit it
    std::vector<OperationTime>* times_ = nullptr;
    BackendInfo info_;
};

}  // namespace
}  // namespace cuda

std::unique_ptr<Backend> make_cuda_backend(const model::Weights& weights, const BackendOptions& options,
                                           const LoadProgress& progress) {
    cuda::Device device(options.plan.request.gpu_ordinal);
    const cuda::CurrentDevice current(device);
    return std::make_unique<cuda::CudaBackend>(
        std::move(device), cuda::load_to_device(weights, options.threads, progress, options.layers), options);
}

std::unique_ptr<Backend> make_synthetic_cuda_backend(const model::Hyperparameters& shape,
                                                     const BackendOptions& options, std::uint64_t seed) {
    check(options.layers.empty(), "random weights of a whole model");
    cuda::Device device(options.plan.request.gpu_ordinal);
    const cuda::CurrentDevice current(device);
    cuda::DeviceWeights weights = cuda::allocate_weights(shape, cuda::published_types(shape));
    cuda::fill_synthetic(weights, seed, nullptr);
    cuda::cuda_check(cudaDeviceSynchronize());
    return std::make_unique<cuda::CudaBackend>(std::move(device), std::move(weights), options);
}

std::int64_t cuda_workspace_bytes(const model::Hyperparameters& shape, const model::PlanRequest& request) {
    return cuda::DecodeStep::workspace_bytes(shape) +
           (cuda::takes_batched_pass(shape)
                ? cuda::BatchedForward::workspace_bytes(shape, request.max_batch_tokens)
                : 0) +
           cuda::DeviceSampler::workspace_bytes(shape.vocabulary, request.max_sequences) +
           2 * cuda::Arena::padded(cuda::tables_bytes(request)) +
           cuda::Arena::padded(cuda::logits_bytes(shape, request.max_sequences)) +
           cuda::HiddenRows::workspace_bytes(shape, request.max_sequences);
}

std::int64_t cuda_weight_bytes(const model::Weights& weights, const model::PlanRequest& request) {
    const model::Hyperparameters& shape = weights.hyperparameters;
    return cuda::device_weight_bytes(shape, cuda::types_of(weights, model::device_layers(shape, request)));
}

std::int64_t cuda_weight_bytes(const model::Hyperparameters& shape, const model::PlanRequest& request) {
    return cuda::device_weight_bytes(shape, cuda::published_types(model::device_layers(shape, request)));
}

bool cuda_available(std::string* reason, std::int32_t gpu_ordinal) {
    int count = 0, before = 0;
    cudaError_t status = cudaGetDeviceCount(&count);
    if (status == cudaSuccess && (gpu_ordinal < 0 || gpu_ordinal >= count)) status = cudaErrorInvalidDevice;
    if (status == cudaSuccess) status = cudaGetDevice(&before);
    // The driver is there; is there code for this GPU in the build?
    if (status == cudaSuccess) status = cudaSetDevice(gpu_ordinal);
    if (status == cudaSuccess) {
        status = cudaFree(nullptr);
        cudaSetDevice(before);
    }
    if (status == cudaSuccess) return true;
    cudaGetLastError();
    if (reason != nullptr) {
        *reason = cudaGetErrorString(status);
        if (status == cudaErrorInvalidDevice && count > 0)
            *reason = "there are " + std::to_string(count) + " GPUs, numbered from 0";
    }
    return false;
}

DeviceNeeds cuda_needs(const model::Hyperparameters& shape, const model::PlanRequest& request) {
    const cuda::Device device(request.gpu_ordinal);
    const cuda::CurrentDevice current(device);
    DeviceNeeds needs;
    needs.device = device.name();
    needs.workspace_bytes = cuda_workspace_bytes(shape, request);
    needs.weight_bytes = cuda_weight_bytes(shape, request);
    needs.runtime_bytes = cuda::kContextBytes + cuda::kModulesBytes;
    needs.context_bytes = cuda::kContextBytes;
    std::size_t free_bytes = 0, total_bytes = 0;
    cuda::cuda_check(cudaMemGetInfo(&free_bytes, &total_bytes));
    // The context is there already; the plan counts it among what is still to be claimed.
    needs.free_bytes = static_cast<std::int64_t>(free_bytes) + cuda::kContextBytes;
    needs.total_bytes = static_cast<std::int64_t>(total_bytes);
    needs.bus_id = device.bus_id();
    return needs;
}

DeviceNeeds cuda_needs(const model::Weights& weights, const model::PlanRequest& request) {
    DeviceNeeds needs = cuda_needs(weights.hyperparameters, request);
    needs.weight_bytes = cuda_weight_bytes(weights, request);
    return needs;
}

}  // namespace gptoss::backend

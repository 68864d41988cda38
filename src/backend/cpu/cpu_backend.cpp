// The CPU as a Backend: checks batches, keeps the last sampled token of each slot, samples. The arithmetic is
// in the forward pass it owns.
#include <algorithm>
#include <array>
#include <vector>

#include "backend/backend.h"
#include "backend/check_batch.h"
#include "backend/cpu/forward_pass.h"
#include "backend/host_sampler.h"
#include "backend/largest_values.h"
#include "backend/split_backend.h"
#include "base/check.h"

namespace gptoss::backend {
namespace {

std::unique_ptr<cpu::ForwardPass> make_forward(const model::Weights& weights, const BackendOptions& options,
                                               ThreadPool& pool) {
    return options.exact ? cpu::make_exact_forward(weights, options, pool)
                         : cpu::make_fast_forward(weights, options, pool);
}

// The order of arithmetic, counted up when it changes. Each result of it is a sum of one row by one kernel.
constexpr int kNumericsOrder = 1;

void describe(BackendInfo& info, const cpu::ForwardPass& forward, const ThreadPool& pool,
              const model::KvTypes& kv_types) {
    info.device = "CPU (" + forward.description() + "), " + std::to_string(pool.size()) +
                  (pool.size() == 1 ? " thread" : " threads");
    info.numerics = "cpu; order " + std::to_string(kNumericsOrder) + "; " + forward.description() +
                    " kernels; " + model::name_of(kv_types) + " cache";
    info.batch_invariant = true;
    info.reports_hidden = true;
}

// "layers 0-11"
std::string numbered(const model::LayerRange& layers) {
    return "layers " + std::to_string(layers.first) + "-" + std::to_string(layers.end - 1);
}

class CpuBackend final : public Backend {
  public:
    CpuBackend(const model::Weights& weights, const BackendOptions& options)
        : shape_(weights.hyperparameters),
          limits_(options.plan.request),
          layers_(cpu::layers_of(options, shape_)),
          vocabulary_(shape_.vocabulary),
          max_sequences_(limits_.max_sequences),
          padding_from_(options.padding_from),
          pool_(options.threads),
          forward_(make_forward(weights, options, pool_)),
          last_tokens_(max_sequences_, 0),
          tokens_(limits_.max_batch_tokens),
          logits_(std::size_t{4} * max_sequences_ * vocabulary_),
          sampling_scratch_(std::size_t{4} * max_sequences_ * vocabulary_) {
        check(layers_.end == shape_.layers, "the last layers and the head");
        info_.placement =
            (layers_.first == 0 ? "all " + std::to_string(shape_.layers) + " layers" : numbered(layers_)) +
            " and head on the CPU";
        describe(info_, *forward_, pool_, limits_.kv_types);
        info_.claimed_bytes =
            forward_->claimed_bytes() + static_cast<std::int64_t>(logits_.size() + sampling_scratch_.size());
    }

    const BackendInfo& info() const override { return info_; }

    void forward(const Batch& batch) override {
        check_batch(batch, limits_, shape_, layers_);
        for (const Segment& segment : batch.segments)
            for (std::int32_t row = segment.first_row; row < segment.first_row + segment.row_count; ++row) {
                const TokenId token = batch.tokens[row];
                tokens_[row] = token == kTokenFromLastSample ? last_tokens_[segment.slot] : token;
            }
        logits_rows_ = static_cast<std::int32_t>(batch.logits_rows.size());
        Batch real = batch;
        real.tokens = std::span(tokens_).first(batch.tokens.size());
        forward_->compute(real, logits_.as<float>());
    }

    StepHandle sample(std::span<const SampleRow> rows) override {
        std::vector<SampledToken>& results = sampled_[next_handle_ % sampled_.size()];
        results.resize(rows.size());
        // A row of the real vocabulary takes a millisecond of logarithms: rows are sampled side by side.
        pool_.for_each(static_cast<std::int64_t>(rows.size()), 1, [&](std::int64_t i) {
            const std::span<const float> logits = logits_row(rows[i].logits_index);
            const std::span<float> scratch =
                sampling_scratch_.as<float>().subspan(i % max_sequences_ * vocabulary_, vocabulary_);
            std::ranges::copy(logits, scratch.begin());
            results[i] = sample_on_host(scratch, rows[i], padding_from_, last_tokens_[rows[i].slot]);
            if (rows[i].hidden_values > 0)
                results[i].hidden =
                    largest_values(forward_->hidden(rows[i].logits_index), rows[i].hidden_values);
        });
        for (std::size_t i = 0; i < rows.size(); ++i) last_tokens_[rows[i].slot] = results[i].token;
        return next_handle_++;
    }

    std::span<const SampledToken> wait(StepHandle handle) override {
        check(handle < next_handle_ && handle + sampled_.size() > next_handle_, "a handle that is too old");
        return sampled_[handle % sampled_.size()];
    }

    void read_logits(std::int32_t logits_index, std::span<float> out) override {
        std::ranges::copy(logits_row(logits_index), out.begin());
    }

    void copy_block(Pool pool, BlockId from, BlockId to) override {
        forward_->kv_cache().copy(pool, from, to);
    }

    bool choose_kernels(const KernelChoice& kernels) override {
        forward_->choose_kernels(kernels);
        describe(info_, *forward_, pool_, limits_.kv_types);
        return true;
    }

  private:
    std::span<const float> logits_row(std::int32_t index) const {
        check(index >= 0 && index < logits_rows_, "a logits row that was not computed");
        return std::span<const float>(logits_.as<float>())
            .subspan(static_cast<std::size_t>(index) * vocabulary_, vocabulary_);
    }

    const model::Hyperparameters& shape_;
    model::PlanRequest limits_;
    model::LayerRange layers_;
    std::int32_t vocabulary_, max_sequences_;
    TokenId padding_from_;
    ThreadPool pool_;
    std::unique_ptr<cpu::ForwardPass> forward_;
    std::vector<TokenId> last_tokens_;  // by slot
    std::vector<TokenId> tokens_;
    cpu::AlignedBuffer logits_, sampling_scratch_;  // [max_sequences][vocabulary] float32
    std::int32_t logits_rows_ = 0;                  // of the last forward()
    // sample() is done when it returns; the ring is one longer than the two outstanding handles, so that
    // wait()'s span survives the next sample().
    std::array<std::vector<SampledToken>, 4> sampled_;
    StepHandle next_handle_ = 0;
    BackendInfo info_;
};

class CpuLowerLayers final : public LowerLayers {
  public:
    CpuLowerLayers(const model::Weights& weights, const BackendOptions& options)
        : shape_(weights.hyperparameters),
          limits_(options.plan.request),
          layers_(options.layers),
          pool_(options.threads),
          forward_(make_forward(weights, options, pool_)) {
        check(layers_.first == 0 && layers_.end > 0 && layers_.end < shape_.layers, "some of the layers");
        info_.placement = numbered(layers_) + " on the CPU";
        describe(info_, *forward_, pool_, limits_.kv_types);
        info_.claimed_bytes = forward_->claimed_bytes();
    }

    const BackendInfo& info() const override { return info_; }

    std::span<const float> forward(const Batch& batch) override {
        check_batch(batch, limits_, shape_, layers_);
        check(batch.logits_rows.empty(), "no logits without the head");
        for (const TokenId token : batch.tokens) check(token >= 0, "a real token");
        forward_->compute(batch, {});
        return forward_->residual();
    }

    void copy_block(Pool pool, BlockId from, BlockId to) override {
        forward_->kv_cache().copy(pool, from, to);
    }

    bool choose_kernels(const KernelChoice& kernels) override {
        forward_->choose_kernels(kernels);
        describe(info_, *forward_, pool_, limits_.kv_types);
        return true;
    }

  private:
    const model::Hyperparameters& shape_;
    model::PlanRequest limits_;
    model::LayerRange layers_;
    ThreadPool pool_;
    std::unique_ptr<cpu::ForwardPass> forward_;
    BackendInfo info_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(const model::Weights& weights, const BackendOptions& options) {
    return std::make_unique<CpuBackend>(weights, options);
}

std::unique_ptr<LowerLayers> make_cpu_lower_layers(const model::Weights& weights,
                                                   const BackendOptions& options) {
    return std::make_unique<CpuLowerLayers>(weights, options);
}

}  // namespace gptoss::backend

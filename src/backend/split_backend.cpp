#include "backend/split_backend.h"

#include <utility>

#include "base/check.h"

namespace gptoss::backend {
namespace {

class SplitBackend final : public Backend {
  public:
    SplitBackend(std::unique_ptr<LowerLayers> lower, std::unique_ptr<Backend> upper,
                 const BackendOptions& options)
        : lower_(std::move(lower)),
          upper_(std::move(upper)),
          last_tokens_(static_cast<std::size_t>(options.plan.request.max_sequences), 0) {
        describe();
        const BackendInfo &below = lower_->info(), &above = upper_->info();
        info_.batch_invariant = below.batch_invariant && above.batch_invariant;
        info_.reports_hidden = above.reports_hidden;
        info_.claimed_bytes = below.claimed_bytes + above.claimed_bytes;
        // Every step begins on the host and needs the tokens there: nothing can be submitted ahead.
        info_.asynchronous = false;
    }

    const BackendInfo& info() const override { return info_; }

    // While the upper layers still compute one batch, the lower ones may already compute the next: a prompt's
    // chunks overlap.
    void forward(const Batch& batch) override {
        tokens_.assign(batch.tokens.begin(), batch.tokens.end());
        for (const Segment& segment : batch.segments)
            for (std::int32_t i = 0; i < segment.row_count; ++i) {
                TokenId& token = tokens_.at(static_cast<std::size_t>(segment.first_row + i));
                if (token == kTokenFromLastSample)
                    token = last_tokens_.at(static_cast<std::size_t>(segment.slot));
            }
        Batch whole = batch;
        whole.tokens = tokens_;
        Batch without_logits = whole;
        without_logits.logits_rows = {};
        whole.residual = lower_->forward(without_logits);
        upper_->forward(whole);
    }

    StepHandle sample(std::span<const SampleRow> rows) override {
        const StepHandle handle = upper_->sample(rows);
        if (rows.empty()) return handle;
        const std::span<const SampledToken> sampled = upper_->wait(handle);
        for (std::size_t i = 0; i < rows.size(); ++i)
            last_tokens_.at(static_cast<std::size_t>(rows[i].slot)) = sampled[i].token;
        return handle;
    }

    std::span<const SampledToken> wait(StepHandle handle) override { return upper_->wait(handle); }

    void read_logits(std::int32_t logits_index, std::span<float> out) override {
        upper_->read_logits(logits_index, out);
    }

    // Each half has the blocks of its own layers, under the same ids.
    void copy_block(Pool pool, BlockId from, BlockId to) override {
        lower_->copy_block(pool, from, to);
        upper_->copy_block(pool, from, to);
    }

    bool choose_kernels(const KernelChoice& kernels) override {
        if (!upper_->choose_kernels(kernels) || !lower_->choose_kernels(kernels)) return false;
        describe();
        return true;
    }

  private:
    void describe() {
        const BackendInfo &below = lower_->info(), &above = upper_->info();
        info_.device = above.device + " and " + below.device;
        info_.placement = below.placement + ", " + above.placement;
        info_.numerics = below.numerics + " + " + above.numerics;
    }

    std::unique_ptr<LowerLayers> lower_;
    std::unique_ptr<Backend> upper_;
    std::vector<TokenId> last_tokens_;  // by slot
    std::vector<TokenId> tokens_;       // of the batch, all real
    BackendInfo info_;
};

}  // namespace

std::unique_ptr<Backend> make_split_backend(std::unique_ptr<LowerLayers> lower,
                                            std::unique_ptr<Backend> upper, const BackendOptions& options) {
    check(lower != nullptr && upper != nullptr, "two halves");
    return std::make_unique<SplitBackend>(std::move(lower), std::move(upper), options);
}

}  // namespace gptoss::backend

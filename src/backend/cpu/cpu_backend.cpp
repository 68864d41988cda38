// The CPU as a Backend: checks batches, keeps the last sampled token of each slot, samples. The arithmetic is
// in the forward pass it owns.
#include <algorithm>
#include <array>
#include <vector>

#include "backend/backend.h"
#include "backend/cpu/forward_pass.h"
#include "backend/host_sampler.h"
#include "base/check.h"

namespace gptoss::backend {
namespace {

class CpuBackend final : public Backend {
  public:
    CpuBackend(const model::Weights& weights, const BackendOptions& options)
        : vocabulary_(weights.hyperparameters.vocabulary),
          max_rows_(options.plan.request.max_batch_tokens),
          max_sequences_(options.plan.request.max_sequences),
          padding_from_(options.padding_from),
          pool_(options.threads),
          forward_(options.exact ? cpu::make_exact_forward(weights, options, pool_)
                                 : cpu::make_fast_forward(weights, options, pool_)),
          last_tokens_(max_sequences_, 0),
          tokens_(max_rows_),
          logits_(std::size_t{4} * max_sequences_ * vocabulary_),
          sampling_scratch_(std::size_t{4} * max_sequences_ * vocabulary_) {
        info_.device = "CPU (" + forward_->description() + "), " + std::to_string(pool_.size()) +
                       (pool_.size() == 1 ? " thread" : " threads");
        info_.placement =
            "all " + std::to_string(weights.hyperparameters.layers) + " layers and head on the CPU";
        info_.claimed_bytes =
            forward_->claimed_bytes() + static_cast<std::int64_t>(logits_.size() + sampling_scratch_.size());
    }

    const BackendInfo& info() const override { return info_; }

    void forward(const Batch& batch) override {
        check_batch(batch);
        for (const Segment& segment : batch.segments)
            for (std::int32_t row = segment.first_row; row < segment.first_row + segment.row_count; ++row) {
                const TokenId token = batch.tokens[row];
                tokens_[row] = token == kTokenFromLastSample ? last_tokens_[segment.slot] : token;
                check(tokens_[row] >= 0 && tokens_[row] < vocabulary_, "a token outside the vocabulary");
            }
        logits_rows_ = static_cast<std::int32_t>(batch.logits_rows.size());
        forward_->compute({std::span(tokens_).first(batch.tokens.size()), batch.segments, batch.logits_rows},
                          logits_.as<float>());
    }

    Ticket sample(std::span<const SampleRow> rows) override {
        std::vector<SampledToken>& results = sampled_[next_ticket_ % sampled_.size()];
        results.resize(rows.size());
        // A row of the real vocabulary takes a millisecond of logarithms: rows are sampled side by side.
        pool_.for_each(static_cast<std::int64_t>(rows.size()), 1, [&](std::int64_t i) {
            const std::span<const float> logits = logits_row(rows[i].logits_index);
            const std::span<float> scratch =
                sampling_scratch_.as<float>().subspan(i % max_sequences_ * vocabulary_, vocabulary_);
            std::ranges::copy(logits, scratch.begin());
            results[i] = sample_on_host(scratch, rows[i], padding_from_);
        });
        for (std::size_t i = 0; i < rows.size(); ++i) last_tokens_[rows[i].slot] = results[i].token;
        return next_ticket_++;
    }

    std::span<const SampledToken> wait(Ticket ticket) override {
        check(ticket < next_ticket_ && ticket + sampled_.size() > next_ticket_, "a ticket that is too old");
        return sampled_[ticket % sampled_.size()];
    }

    void read_logits(std::int32_t logits_index, std::span<float> out) override {
        std::ranges::copy(logits_row(logits_index), out.begin());
    }

    void copy_block(Pool pool, BlockId from, BlockId to) override {
        cpu::KvCache& cache = forward_->kv_cache();
        (pool == Pool::full ? cache.full : cache.sliding).copy(from, to);
    }

  private:
    void check_batch(const Batch& batch) const {
        const auto rows = static_cast<std::int32_t>(batch.tokens.size());
        check(rows > 0 && rows <= max_rows_, "a batch larger than planned");
        check(batch.logits_rows.size() <= static_cast<std::size_t>(max_sequences_), "too many logits rows");
        check(batch.segments.size() <= static_cast<std::size_t>(max_sequences_), "too many segments");
        std::int32_t next_row = 0;
        for (const Segment& segment : batch.segments) {
            check(segment.first_row == next_row && segment.row_count > 0,
                  "segments must cover rows in order");
            check(segment.slot >= 0 && segment.slot < max_sequences_, "a slot outside the plan");
            check(segment.first_position >= 0, "a negative position");
            next_row += segment.row_count;
            const std::size_t blocks =
                (segment.first_position + segment.row_count + model::kBlockTokens - 1) / model::kBlockTokens;
            check(segment.full_blocks.size() >= blocks && segment.sliding_blocks.size() >= blocks,
                  "a block table shorter than its segment");
        }
        check(next_row == rows, "segments must cover all rows");
        for (const std::int32_t row : batch.logits_rows)
            check(row >= 0 && row < rows, "a logits row outside the batch");
    }

    std::span<const float> logits_row(std::int32_t index) const {
        check(index >= 0 && index < logits_rows_, "a logits row that was not computed");
        return std::span<const float>(logits_.as<float>())
            .subspan(static_cast<std::size_t>(index) * vocabulary_, vocabulary_);
    }

    std::int32_t vocabulary_, max_rows_, max_sequences_;
    TokenId padding_from_;
    ThreadPool pool_;
    std::unique_ptr<cpu::ForwardPass> forward_;
    std::vector<TokenId> last_tokens_;  // by slot
    std::vector<TokenId> tokens_;
    cpu::AlignedBuffer logits_, sampling_scratch_;  // [max_sequences][vocabulary] float32
    std::int32_t logits_rows_ = 0;                  // of the last forward()
    // sample() is done when it returns; the ring is one longer than the two outstanding tickets, so that
    // wait()'s span survives the next sample().
    std::array<std::vector<SampledToken>, 4> sampled_;
    Ticket next_ticket_ = 0;
    BackendInfo info_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(const model::Weights& weights, const BackendOptions& options) {
    return std::make_unique<CpuBackend>(weights, options);
}

}  // namespace gptoss::backend

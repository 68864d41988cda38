#include "engine/step_calibration.h"

#include <algorithm>
#include <random>
#include <vector>

namespace gptoss::engine {
namespace {

using model::kBlockTokens;
using Clock = std::chrono::steady_clock;

// Rows that generate look back at this much, a short conversation.
constexpr std::int32_t kDepthBlocks = 15;

class StepProbe {
  public:
    StepProbe(backend::Backend& backend, const EngineOptions& options)
        : backend_(backend), options_(options), tokens_(static_cast<std::size_t>(options.max_batch_tokens)) {
        std::mt19937 random(1);
        const auto vocabulary = static_cast<unsigned>(std::max(options.vocabulary, 2));
        for (TokenId& token : tokens_) token = static_cast<TokenId>(random() % vocabulary);
        blocks_ = std::min(
            {options.full_blocks, options.sliding_blocks, (options.context_length - 1) / kBlockTokens});
    }

    std::int32_t most_prompt_rows() const {
        return std::min(options_.max_batch_tokens, blocks_ * kBlockTokens);
    }
    // Each has a block of its own behind those they share.
    std::int32_t most_decode_rows() const { return std::min(options_.max_sequences, blocks_ - depth()); }

    StepShape prompt(std::int32_t rows) {
        segments_ = {{.slot = 0, .row_count = rows}};
        tables_ = {table(rows / kBlockTokens + 1, -1)};
        run(rows);
        return {.prompt_rows = rows, .prompt_context = std::int64_t{rows} * (rows / 2)};
    }

    StepShape decode(std::int32_t rows) {
        const std::int32_t position = depth() * kBlockTokens;
        segments_.clear();
        tables_.clear();
        for (std::int32_t row = 0; row < rows; ++row) {
            segments_.push_back({.slot = row, .first_row = row, .row_count = 1, .first_position = position});
            tables_.push_back(table(depth(), depth() + row));
        }
        run(rows);
        return {.decode_rows = rows, .decode_context = std::int64_t{rows} * position};
    }

  private:
    std::int32_t depth() const { return std::min(kDepthBlocks, blocks_ / 2); }

    // The first blocks of the pool, then `last` if there is one.
    std::vector<backend::BlockId> table(std::int32_t count, backend::BlockId last) const {
        std::vector<backend::BlockId> blocks;
        for (backend::BlockId block = 0; block < std::min(count, blocks_); ++block) blocks.push_back(block);
        if (last >= 0) blocks.push_back(last);
        return blocks;
    }

    void run(std::int32_t rows) {
        std::vector<std::int32_t> logits_rows;
        std::vector<backend::SampleRow> samples;
        for (std::size_t i = 0; i < segments_.size(); ++i) {
            segments_[i].full_blocks = segments_[i].sliding_blocks = tables_[i];
            logits_rows.push_back(segments_[i].first_row + segments_[i].row_count - 1);
            samples.push_back({.logits_index = static_cast<std::int32_t>(i), .slot = segments_[i].slot});
        }
        backend_.forward({std::span(tokens_).first(static_cast<std::size_t>(rows)), segments_, logits_rows});
        backend_.wait(backend_.sample(samples));
    }

    backend::Backend& backend_;
    const EngineOptions& options_;
    std::vector<TokenId> tokens_;
    std::int32_t blocks_ = 0;
    std::vector<backend::Segment> segments_;
    std::vector<std::vector<backend::BlockId>> tables_;
};

}  // namespace

void measure_steps(backend::Backend& backend, const EngineOptions& options, std::chrono::milliseconds budget,
                   StepCosts& costs) {
    StepProbe probe(backend, options);
    const Clock::time_point end = Clock::now() + budget;
    const auto measure = [&](const auto& step) {
        step();  // the first of its size loads kernels
        for (int i = 0; i < 2 && Clock::now() < end; ++i) {
            const Clock::time_point begin = Clock::now();
            const StepShape shape = step();
            costs.record(shape, std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
        }
    };
    // Keys and values that later steps look back at; then by turns, so that a short budget tells of both.
    const std::int32_t prompts = probe.most_prompt_rows(), decodes = probe.most_decode_rows();
    if (prompts < 2 || decodes < 1) return;
    for (std::int32_t rows = 1; rows <= std::max(prompts, decodes) && Clock::now() < end; rows *= 2) {
        if (rows <= prompts && rows >= kFewestRows) measure([&] { return probe.prompt(rows); });
        if (rows <= decodes) measure([&] { return probe.decode(rows); });
    }
}

}  // namespace gptoss::engine

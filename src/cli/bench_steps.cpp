#include "cli/bench_steps.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <random>
#include <vector>

#include "backend/sequence_runner.h"

namespace gptoss::cli {
namespace {

constexpr std::int32_t kDecodeDepth = 1024, kDeepest = 98'304;

class StepTable {
  public:
    StepTable(backend::Backend& backend, const model::MemoryPlan& plan, const model::Hyperparameters& shape)
        : backend_(backend), plan_(plan), runner_(backend, plan, shape.sliding_window) {
        std::mt19937 random(1);
        tokens_.resize(static_cast<std::size_t>(plan.request.max_batch_tokens));
        for (TokenId& token : tokens_)
            token = static_cast<TokenId>(random() % static_cast<unsigned>(shape.vocabulary));
    }

    double median_ms(std::int32_t decode_rows, std::int32_t prompt_rows, std::int32_t prompt_depth) {
        std::array<double, 3> ms{};
        run(decode_rows, prompt_rows, prompt_depth);  // kernels are loaded when they are first used
        for (double& one : ms) one = run(decode_rows, prompt_rows, prompt_depth);
        std::ranges::sort(ms);
        return ms[1];
    }

  private:
    double run(std::int32_t decode_rows, std::int32_t prompt_rows, std::int32_t prompt_depth) {
        const std::int32_t prompt_slot = plan_.request.max_sequences - 1;
        std::vector<backend::SequenceRunner::Feed> feeds;
        std::vector<backend::SampleRow> rows;
        const auto feed = [&](std::int32_t slot, std::int32_t depth, std::int32_t first, std::int32_t count) {
            runner_.clear(slot);
            runner_.pretend(slot, depth);
            feeds.push_back({slot, std::span(tokens_).subspan(first, count), 1});
            rows.push_back({.logits_index = static_cast<std::int32_t>(rows.size()), .slot = slot});
        };
        for (std::int32_t slot = 0; slot < decode_rows; ++slot) feed(slot, kDecodeDepth, slot, 1);
        if (prompt_rows > 0) feed(prompt_slot, prompt_depth, decode_rows, prompt_rows);
        const auto begin = std::chrono::steady_clock::now();
        runner_.forward(feeds);
        backend_.wait(backend_.sample(rows));
        const double ms =
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
        for (const auto& used : feeds) runner_.clear(used.slot);
        return ms;
    }

    backend::Backend& backend_;
    const model::MemoryPlan& plan_;
    backend::SequenceRunner runner_;
    std::vector<TokenId> tokens_;
};

}  // namespace

model::PlanRequest plan_request_of_steps(std::int32_t max_sequences, std::int32_t max_batch_tokens) {
    model::PlanRequest request;
    request.max_sequences = max_sequences + 1;
    request.max_batch_tokens = std::max(max_batch_tokens, request.max_sequences);
    request.context_length = kDeepest + request.max_batch_tokens + model::kBlockTokens;
    request.cache_tokens =
        request.context_length + std::int64_t{max_sequences} * (kDecodeDepth + 2 * model::kBlockTokens);
    return request;
}

nlohmann::ordered_json measure_step_table(backend::Backend& backend, const model::MemoryPlan& plan,
                                          const model::Hyperparameters& shape, bool report) {
    StepTable table(backend, plan, shape);
    nlohmann::ordered_json steps = nlohmann::ordered_json::array();
    const std::int32_t most_rows = plan.request.max_batch_tokens;
    const auto measure = [&](std::int32_t decode_rows, std::int32_t prompt_rows, std::int32_t depth) {
        const double ms = table.median_ms(decode_rows, prompt_rows, depth);
        steps.push_back({{"decode_rows", decode_rows},
                         {"prompt_rows", prompt_rows},
                         {"prompt_depth", depth},
                         {"step_ms", ms}});
        if (report) {
            std::printf("  %4d generate, %5d of a prompt at %6d: %8.2f ms\n", decode_rows, prompt_rows, depth,
                        ms);
            std::fflush(stdout);
        }
    };
    for (const std::int32_t decode_rows : {0, 1, 2, 4, 8, 16, 32, 64, 128, 256}) {
        if (decode_rows >= plan.request.max_sequences) break;
        for (const std::int32_t prompt_rows :
             {0, 16, 64, 128, 192, 256, 512, 768, 1024, 1536, 2048, 4096, 8192})
            if (decode_rows + prompt_rows > 0 && decode_rows + prompt_rows <= most_rows)
                measure(decode_rows, prompt_rows, 0);
    }
    for (const std::int32_t depth : {32'768, kDeepest})
        for (const std::int32_t decode_rows : {0, 64})
            for (const std::int32_t prompt_rows : {128, 256, 512, 1024, 1984})
                if (decode_rows + prompt_rows <= most_rows && decode_rows < plan.request.max_sequences)
                    measure(decode_rows, prompt_rows, depth);
    return steps;
}

}  // namespace gptoss::cli

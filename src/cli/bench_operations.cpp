#include "cli/bench_operations.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "backend/sequence_runner.h"

namespace gptoss::cli {
namespace {

constexpr std::int32_t kGeneratingDepth = 1024;
constexpr int kTimedRounds = 5;

// Bytes that a call must read for `rows` rows that generate; 0 where they do not bind.
double bytes_of_call(const std::string& operation, std::int32_t rows, const model::Hyperparameters& shape) {
    constexpr double kQ8Bytes = 34.0 / 32, kMxfp4Bytes = 17.0 / 32;  // of a weight
    const double hidden = shape.hidden;
    const double experts_hit =
        shape.experts *
        (1 - std::pow(1 - static_cast<double>(shape.experts_per_token) / shape.experts, rows));
    const double expert_bytes = kMxfp4Bytes * hidden * shape.intermediate_size;
    const auto cached = [&](double tokens) { return rows * tokens * 2 * shape.kv_width() * 2; };
    if (operation == "query, key, value")
        return kQ8Bytes * hidden * (shape.query_width() + 2 * shape.kv_width());
    if (operation.starts_with("attention output")) return kQ8Bytes * hidden * shape.query_width();
    if (operation == "attention, full") return cached(kGeneratingDepth);
    if (operation == "attention, sliding")
        return cached(std::min<double>(kGeneratingDepth, shape.sliding_window));
    if (operation == "gate, up") return 2 * experts_hit * expert_bytes;
    if (operation == "down") return experts_hit * expert_bytes;
    if (operation == "head") return kQ8Bytes * hidden * shape.vocabulary;
    return 0;
}

class OperationTable {
  public:
    OperationTable(backend::Backend& backend, const model::MemoryPlan& plan,
                   const model::Hyperparameters& shape)
        : backend_(backend), runner_(backend, plan, shape.sliding_window) {
        for (std::int32_t i = 0; i < plan.request.max_batch_tokens; ++i)
            tokens_.push_back(static_cast<TokenId>(i * 7919LL % shape.vocabulary));
    }

    // `rows` sequences that generate one token each, or a prompt of as many.
    std::vector<backend::OperationTime> measure(std::int32_t rows, bool prompt) {
        std::vector<backend::OperationTime> times;
        for (int round = 0; round <= kTimedRounds; ++round) {  // kernels are loaded when they are first used
            std::vector<backend::SequenceRunner::Feed> feeds;
            const std::int32_t sequences = prompt ? 1 : rows;
            for (std::int32_t slot = 0; slot < sequences; ++slot) {
                runner_.clear(slot);
                runner_.pretend(slot, prompt ? 0 : kGeneratingDepth);
                feeds.push_back({slot,
                                 std::span(tokens_).subspan(static_cast<std::size_t>(slot),
                                                            static_cast<std::size_t>(prompt ? rows : 1)),
                                 1});
            }
            if (round > 0) backend_.time_operations(&times);
            runner_.forward(feeds);
            backend_.time_operations(nullptr);
            backend_.wait(backend_.sample({}));
            for (std::int32_t slot = 0; slot < sequences; ++slot) runner_.clear(slot);
        }
        return times;
    }

  private:
    backend::Backend& backend_;
    backend::SequenceRunner runner_;
    std::vector<TokenId> tokens_;
};

}  // namespace

nlohmann::ordered_json measure_operations(backend::Backend& backend, const model::MemoryPlan& plan,
                                          const model::Hyperparameters& shape, double bytes_per_second,
                                          bool report) {
    OperationTable table(backend, plan, shape);
    nlohmann::ordered_json operations = nlohmann::ordered_json::array();
    const auto measure = [&](std::int32_t rows, bool prompt) {
        double step_seconds = 0;
        for (const backend::OperationTime& time : table.measure(rows, prompt)) {
            const double seconds = time.seconds / time.calls;
            const double bytes = prompt ? 0 : bytes_of_call(time.name, rows, shape);
            nlohmann::ordered_json line = {{"rows", rows},
                                           {"prompt", prompt},
                                           {"operation", time.name},
                                           {"calls", time.calls / kTimedRounds},
                                           {"microseconds", seconds * 1e6},
                                           {"share_of_bandwidth", nullptr}};
            if (bytes > 0) line["share_of_bandwidth"] = bytes / seconds / bytes_per_second;
            operations.push_back(line);
            step_seconds += time.seconds / kTimedRounds;
            if (!report) continue;
            std::printf("  %5d %-9s %-26s %3d x %9.1f us", rows, prompt ? "prompt" : "generate",
                        time.name.c_str(), time.calls / kTimedRounds, seconds * 1e6);
            if (bytes > 0)
                std::printf("  %3.0f %% of the bandwidth", bytes / seconds / bytes_per_second * 100);
            std::printf("\n");
        }
        if (report && step_seconds > 0)
            std::printf("  %5d %-9s together, one after another: %.2f ms\n", rows,
                        prompt ? "prompt" : "generate", step_seconds * 1e3);
        std::fflush(stdout);
    };
    for (const std::int32_t rows : {1, 8, 64, 512})
        if (rows < plan.request.max_sequences) measure(rows, false);
    measure(plan.request.max_batch_tokens, true);
    return operations;
}

}  // namespace gptoss::cli

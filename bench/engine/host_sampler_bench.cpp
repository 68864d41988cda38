// What one row of gpt-oss logits costs to sample on the host: 201,088 values, peaked as a model's are or
// flat.
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "backend/host_sampler.h"

namespace {

using namespace gptoss;

constexpr std::size_t kVocabulary = 201088;

void sample(benchmark::State& state, const backend::SamplingParameters& parameters, float spread) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal(0, spread);
    std::vector<float> logits(kVocabulary);
    for (float& logit : logits) logit = normal(random);
    std::vector<float> scratch(kVocabulary);
    backend::SampleRow row;
    row.parameters = parameters;
    for (auto _ : state) {
        scratch = logits;  // 30 us of what is measured
        benchmark::DoNotOptimize(backend::sample_on_host(scratch, row, 200019));
        ++row.step;
    }
}

BENCHMARK_CAPTURE(sample, default_peaked, {}, 3.0F)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(sample, default_flat, {}, 0.02F)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(sample, greedy, {.temperature = 0}, 3.0F)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(sample, top_k_40, {.top_k = 40}, 3.0F)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(sample, top_p_090, {.top_p = 0.9F}, 3.0F)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(sample, top_p_090_flat, {.top_p = 0.9F}, 0.02F)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(sample, min_p_005, {.min_p = 0.05F}, 3.0F)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(sample, top_logprobs_20, {.top_logprobs = 20}, 3.0F)->Unit(benchmark::kMicrosecond);

}  // namespace

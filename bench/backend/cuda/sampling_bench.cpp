// What filters and penalties cost a step: sampling's kernels alone, for one row and for many, beside a plain temperature.
//
//   bench_cuda_sampling [rounds]
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "backend/cuda/memory.h"
#include "backend/cuda/sampling_kernels.h"
#include "event_timer.h"

namespace gptoss::backend::cuda {
namespace {

constexpr std::int32_t kVocabulary = 201088, kPaddingFrom = 200019, kCounts = 500, kSteps = 20;

template <typename Value>
Value* filled(std::vector<DeviceMemory>& keep, const std::vector<Value>& values) {
    const auto bytes = static_cast<std::int64_t>(values.size() * sizeof(Value));
    keep.push_back(allocate_device(bytes));
    cuda_check(cudaMemcpy(keep.back().get(), values.data(), static_cast<std::size_t>(bytes),
                          cudaMemcpyHostToDevice));
    return reinterpret_cast<Value*>(keep.back().get());
}

// Rows of normally distributed logits: the wider, the fewer tokens share the probability.
class Rows {
  public:
    Rows(std::int32_t rows, float deviation) : rows_(rows), stream_(make_stream()) {
        std::mt19937 random(1);
        std::normal_distribution<float> normal(0, deviation);
        std::vector<float> logits(static_cast<std::size_t>(rows) * kVocabulary);
        for (float& logit : logits) logit = normal(random);
        logits_ = filled(keep_, logits);
        adjusted_ = filled(keep_, logits);
        std::vector<TokenCount> counts(kCounts);
        for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = {static_cast<TokenId>(i * 397), 2};
        counts_ = filled(keep_, counts);
        std::vector<SampleScratch> scratch(static_cast<std::size_t>(rows));
        for (SampleScratch& each : scratch) {
            each.list = filled(keep_, std::vector<unsigned long long>(kListedKeys));
            each.histogram = filled(keep_, std::vector<SampleHistogram>(1));
        }
        scratch_ = filled(keep_, scratch);
        results_ = filled(keep_, std::vector<SampleResult>(static_cast<std::size_t>(rows)));
        last_tokens_ = filled(keep_, std::vector<std::int32_t>(static_cast<std::size_t>(rows)));
    }

    // Microseconds of a step's sampling, the median of several graphs of steps.
    double step_us(const SamplingParameters& parameters, bool penalises) {
        std::vector<SampleJob> jobs(static_cast<std::size_t>(rows_));
        for (std::int32_t row = 0; row < rows_; ++row) {
            SampleJob& job = jobs[static_cast<std::size_t>(row)];
            job.logits = logits_ + std::int64_t{row} * kVocabulary;
            job.slot = row;
            job.parameters = parameters;
            job.parameters.seed = static_cast<std::uint64_t>(row);
            if (!penalises) continue;
            job.adjusted = adjusted_ + std::int64_t{row} * kVocabulary;
            job.counts = counts_;
            job.count_count = kCounts;
        }
        std::vector<DeviceMemory> keep;
        SampleJobs of_step;
        if (rows_ <= SampleJobs::kFew)
            std::copy(jobs.begin(), jobs.end(), of_step.few);
        else
            of_step.many = filled(keep, jobs);
        const SamplingWork work{penalises, needs_cuts(parameters), false};
        const GraphExec graph = captured_graph(stream_, [&] {
            for (int i = 0; i < kSteps; ++i)
                launch_sampling(of_step, rows_, kVocabulary, kPaddingFrom, work, scratch_, results_,
                                last_tokens_, stream_.get());
        });
        return 1e3 / kSteps * median_ms(stream_, 2, 5, [&](int) {
                   cuda_check(cudaGraphLaunch(graph.get(), stream_.get()));
               });
    }

  private:
    std::int32_t rows_;
    Stream stream_;
    std::vector<DeviceMemory> keep_;
    float *logits_ = nullptr, *adjusted_ = nullptr;
    TokenCount* counts_ = nullptr;
    SampleScratch* scratch_ = nullptr;
    SampleResult* results_ = nullptr;
    std::int32_t* last_tokens_ = nullptr;
};

void run(int rounds) {
    for (const float deviation : {1.0F, 3.0F})
        for (const std::int32_t rows : {1, 8, 64}) {
            Rows bench(rows, deviation);
            for (int round = 0; round < rounds; ++round) {
                SamplingParameters p;
                const double plain = bench.step_us(p, false);
                p.top_p = 0.95F;
                const double top_p = bench.step_us(p, false);
                p.top_k = 40;
                p.min_p = 0.01F;
                const double filters = bench.step_us(p, false);
                p.repetition_penalty = 1.1F;
                p.frequency_penalty = p.presence_penalty = 0.5F;
                const double all = bench.step_us(p, true);
                std::printf(
                    "%2d rows, deviation %.0f: %.1f us; with top_p 0.95 +%.1f; with top_k 40 and min_p too "
                    "+%.1f; with penalties of %d tokens too +%.1f\n",
                    rows, deviation, plain, top_p - plain, filters - plain, kCounts, all - plain);
            }
        }
}

}  // namespace
}  // namespace gptoss::backend::cuda

int main(int argc, char** argv) {
    gptoss::backend::cuda::run(argc > 1 ? std::atoi(argv[1]) : 1);
}

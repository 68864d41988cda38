// The CPU kernels by themselves. Weights in the second-level cache: multiply-adds a second on one core, to be
// held against the processor's dot-product peak. Weights from memory, all cores: the share of the bandwidth
// that plain reading reaches in the same minute.
#include <benchmark/benchmark.h>

#include <cstring>
#include <random>
#include <vector>

#include "backend/cpu/activations.h"
#include "backend/cpu/bandwidth.h"
#include "backend/cpu/kernels.h"
#include "base/thread_pool.h"

namespace gptoss::backend::cpu {
namespace {

constexpr std::int32_t kColumns = 2880;
constexpr std::int32_t kBlocks = kColumns / kBlockColumns;

Activations random_activations(const Kernels& kernels) {
    Activations activations(kMostRows, kColumns);
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (std::int32_t row = 0; row < kMostRows; ++row) {
        for (std::int32_t k = 0; k < kColumns; ++k) activations.floats(row)[k] = normal(random);
        activations.quantize(kernels, row);
    }
    return activations;
}

void dot(benchmark::State& state, const Kernels& kernels, PanelDot kernel, double bytes_per_weight) {
    const Activations activations = random_activations(kernels);
    const auto row_count = static_cast<std::int32_t>(state.range(0));
    AlignedBuffer panel(static_cast<std::size_t>(kPanelRows * kColumns * bytes_per_weight) + 8192);
    std::mt19937 random(2);
    for (std::uint8_t& byte : panel.as<std::uint8_t>()) byte = static_cast<std::uint8_t>(random() % 64 + 64);
    float out[kMostRows * kPanelRows];
    for (auto _ : state) {
        kernel(panel.data(), kBlocks, activations.rows(0, row_count).data(), row_count, out);
        benchmark::DoNotOptimize(out);
    }
    const auto iterations = static_cast<double>(state.iterations());
    state.counters["GMAC/s"] =
        benchmark::Counter(iterations * kPanelRows * kColumns * row_count / 1e9, benchmark::Counter::kIsRate);
    state.counters["GB/s"] = benchmark::Counter(iterations * kPanelRows * kColumns * bytes_per_weight / 1e9,
                                                benchmark::Counter::kIsRate);
}

// One row of activations against a gigabyte of weights, in the ranges that a step gives its threads.
void stream(benchmark::State& state, const Kernels& kernels, PanelDot kernel, double bytes_per_weight) {
    constexpr std::size_t kBytes = std::size_t{1} << 30;
    ThreadPool pool;
    const Activations activations = random_activations(kernels);
    const auto panel_bytes = static_cast<std::size_t>(kPanelRows * kColumns * bytes_per_weight);
    const auto panels = static_cast<std::int64_t>(kBytes / panel_bytes);
    AlignedBuffer weights(kBytes + 8192);
    std::memset(weights.data(), 100, weights.size());
    const double read_gb_per_s = measure_read_bandwidth(pool);
    for (auto _ : state) {
        pool.for_ranges(panels, 2, [&](std::int64_t begin, std::int64_t end) {
            float out[kMostRows * kPanelRows];
            for (std::int64_t panel = begin; panel < end; ++panel) {
                kernel(weights.data() + static_cast<std::size_t>(panel) * panel_bytes, kBlocks,
                       activations.rows(0, 1).data(), 1, out);
                benchmark::DoNotOptimize(out);
            }
        });
    }
    const double gigabytes = static_cast<double>(state.iterations()) * static_cast<double>(kBytes) / 1e9;
    state.counters["GB/s"] = benchmark::Counter(gigabytes, benchmark::Counter::kIsRate);
    state.counters["of_reading"] = benchmark::Counter(gigabytes / read_gb_per_s, benchmark::Counter::kIsRate);
}

void add(const Kernels& kernels) {
    const std::string name(kernels.name);
    const auto add_dot = [&](const char* format, PanelDot kernel, double bytes) {
        benchmark::RegisterBenchmark((name + "/" + format).c_str(), dot, kernels, kernel, bytes)
            ->Arg(1)
            ->Arg(2)
            ->Arg(4)
            ->Arg(16)
            ->Arg(kMostRows);
        benchmark::RegisterBenchmark((name + "/" + format + "/from_memory").c_str(), stream, kernels, kernel,
                                     bytes)
            ->UseRealTime();
    };
    add_dot("mxfp4", kernels.dot_mxfp4, 17.0 / 32);
    add_dot("int8", kernels.dot_int8, 34.0 / 32);
    add_dot("bfloat16", kernels.dot_bfloat16, 2);
    add_dot("float32", kernels.dot_float32, 4);
}

}  // namespace
}  // namespace gptoss::backend::cpu

int main(int argc, char** argv) {
    using namespace gptoss::backend::cpu;
    const Kernels& best = best_kernels();
#if defined(__x86_64__)
    if (best.name == amx_kernels().name) add(amx_kernels());
    if (best.name == amx_kernels().name || best.name == avx512_kernels().name) add(avx512_kernels());
    if (best.name != portable_kernels().name) add(avx2_kernels());
#endif
    add(portable_kernels());
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
}

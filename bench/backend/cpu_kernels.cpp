// The CPU kernels by themselves, weights in the second-level cache: multiply-adds a second on one core, to be
// held against the processor's dot-product peak.
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "backend/cpu/activations.h"
#include "backend/cpu/kernels.h"

namespace gptoss::backend::cpu {
namespace {

constexpr std::int32_t kColumns = 2880;
constexpr std::int32_t kBlocks = kColumns / kBlockColumns;

Activations random_activations(const Kernels& kernels) {
    Activations activations(kTileRows, kColumns);
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (std::int32_t row = 0; row < kTileRows; ++row) {
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
    float out[kTileRows * kPanelRows];
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

void add(const Kernels& kernels) {
    const std::string name(kernels.name);
    const auto add_dot = [&](const char* format, PanelDot kernel, double bytes) {
        benchmark::RegisterBenchmark((name + "/" + format).c_str(), dot, kernels, kernel, bytes)
            ->Arg(1)
            ->Arg(2)
            ->Arg(kTileRows);
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
    if (best.name == avx512_kernels().name) add(avx512_kernels());
    if (best.name != portable_kernels().name) add(avx2_kernels());
#endif
    add(portable_kernels());
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
}

// The CPU kernels by themselves, weights in the second-level cache: multiply-adds a second on one core, to be
// held against the processor's dot-product peak.
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "backend/cpu/aligned_buffer.h"
#include "backend/cpu/kernels.h"

namespace gptoss::backend::cpu {
namespace {

constexpr std::int32_t kColumns = 2880;
constexpr std::int32_t kBlocks = kColumns / kBlockColumns;

struct Activations {
    AlignedBuffer values{std::size_t{kTileRows} * kBlocks * 64};
    std::vector<BlockScale> scales = std::vector<BlockScale>(kTileRows * kBlocks);
    std::vector<float> floats = std::vector<float>(kTileRows * kColumns);
    ActivationRow rows[kTileRows];

    explicit Activations(const Kernels& kernels) {
        std::mt19937 random(1);
        std::normal_distribution<float> normal;
        for (float& value : floats) value = normal(random);
        for (std::int32_t row = 0; row < kTileRows; ++row) {
            const QuantizedRow quantized{values.data() + row * kBlocks * 64, scales.data() + row * kBlocks};
            for (std::int32_t block = 0; block < kBlocks; ++block)
                kernels.quantize_block(&floats[row * kColumns + block * kBlockColumns], quantized, block);
            rows[row] = {&floats[row * kColumns], quantized.values, quantized.scales};
        }
    }
};

void dot(benchmark::State& state, const Kernels& kernels, PanelDot kernel, double bytes_per_weight) {
    const Activations activations(kernels);
    const auto row_count = static_cast<std::int32_t>(state.range(0));
    AlignedBuffer panels(static_cast<std::size_t>(2 * kPanelRows * kColumns * bytes_per_weight) + 8192);
    std::mt19937 random(2);
    for (std::uint8_t& byte : panels.as<std::uint8_t>()) byte = static_cast<std::uint8_t>(random() % 64 + 64);
    const std::byte* second =
        panels.data() + static_cast<std::size_t>(kPanelRows * kColumns * bytes_per_weight);
    float out[kTileRows * 2 * kPanelRows];
    for (auto _ : state) {
        kernel(panels.data(), second, kBlocks, activations.rows, row_count, out);
        benchmark::DoNotOptimize(out);
    }
    const auto iterations = static_cast<double>(state.iterations());
    state.counters["GMAC/s"] = benchmark::Counter(iterations * 2 * kPanelRows * kColumns * row_count / 1e9,
                                                  benchmark::Counter::kIsRate);
    state.counters["GB/s"] = benchmark::Counter(
        iterations * 2 * kPanelRows * kColumns * bytes_per_weight / 1e9, benchmark::Counter::kIsRate);
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

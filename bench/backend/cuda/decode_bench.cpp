// Decoding on random weights of a true shape: whole steps at several depths and numbers of rows, and each
// stage by itself, beside what the memory allows.
//
//   bench_cuda_decode [gpt-oss-120b | gpt-oss-20b] [layers] [all | quick | one | small] [type of the KV cache]
//
// Fewer layers than the model has make the same stages in less memory. A stage by itself is timed as a graph
// of that stage of every layer, one depending on the other as in a step. one: one row at every depth, no more. small:
// one row and two with the kernels of a card with 99 KB of shared memory a block.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/decode_step.h"
#include "backend/cuda/device_sampler.h"
#include "backend/cuda/repack.h"
#include "backend/cuda/weight_layout.h"
#include "event_timer.h"
#include "model/rope.h"
#include "small_card.h"

namespace gptoss::backend::cuda {
namespace {

constexpr std::int32_t kMostPositions = 131072;
constexpr std::int32_t kRows = kMaxDecodeRows;

class Bench {
  public:
    Bench(const model::Hyperparameters& shape, const DeviceTraits& device, const model::KvTypes& types)
        : shape_(shape), stream_(make_stream()) {
        model_.weights = allocate_weights(shape, published_types(shape));
        fill_synthetic(model_.weights, 1, nullptr);
        // Rows have keys of their own up to 16,384 tokens; one row's 131,072 fill the pool.
        const std::int32_t blocks = kMostPositions / model::kBlockTokens;
        pools_ = allocate_device(2 * pool_bytes(blocks));
        cuda_check(cudaMemset(pools_.get(), 0x3C, static_cast<std::size_t>(2 * pool_bytes(blocks))));
        model_.full = {pools_.get(), types.full,     shape.full_layers(),
                       blocks,       shape.kv_heads, shape.head_size};
        model_.sliding = model_.full;
        model_.sliding.data += pool_bytes(blocks);
        model_.sliding.type = types.sliding;
        model_.sliding.layers = shape.sliding_layers();
        tables_ = allocate_device(std::int64_t{kRows} * blocks * 4);
        std::vector<std::int32_t> table(static_cast<std::size_t>(kRows * blocks));
        for (std::int32_t row = 0; row < kRows; ++row)
            for (std::int32_t i = 0; i < blocks; ++i)
                table[static_cast<std::size_t>(row * blocks + i)] = (i + row * (blocks / kRows)) % blocks;
        cuda_check(cudaMemcpy(tables_.get(), table.data(), table.size() * 4, cudaMemcpyHostToDevice));
        const auto* device_table = reinterpret_cast<const std::int32_t*>(tables_.get());
        model_.tables = {device_table, device_table, blocks};
        const model::RopeTable rope = model::rope_table(shape);
        std::copy(rope.inverse_frequencies.begin(), rope.inverse_frequencies.end(),
                  model_.frequencies.inverse);
        model_.frequencies.attention_factor = rope.attention_factor;
        logits_ = allocate_device(std::int64_t{kRows} * shape.vocabulary * 4);
        sampler_ = std::make_unique<DeviceSampler>(shape.vocabulary, 200019, kRows);
        step_ =
            std::make_unique<DecodeStep>(model_, sampler_->last_tokens(),
                                         reinterpret_cast<float*>(logits_.get()), shape.vocabulary, device);
        cuda_check(cudaDeviceSynchronize());
    }

    // Median milliseconds of `repeats` runs.
    double time_ms(int repeats, const std::function<void()>& run) {
        return median_ms(stream_, 2, repeats, [&](int) { run(); });
    }

    // One generated token a row, `tokens` times, nothing waited for in between. `counts`: what penalties look at.
    double step_ms(std::int32_t rows, std::int32_t depth, int tokens, const SamplingParameters& sampling = {},
                   std::span<const TokenCount> counts = {}) {
        std::vector<RowInput> inputs(static_cast<std::size_t>(rows));
        std::vector<SampleRow> samples(static_cast<std::size_t>(rows));
        auto generate = [&](std::int32_t position) {
            for (std::int32_t row = 0; row < rows; ++row) {
                inputs[static_cast<std::size_t>(row)] = {kTokenFromLastSample, position, row, position, row};
                SampleRow& sample = samples[static_cast<std::size_t>(row)];
                sample.logits_index = sample.slot = row;
                sample.parameters = sampling;
                sample.parameters.seed = static_cast<std::uint64_t>(row);
                sample.counts = counts;
                sample.last_is_uncounted = !counts.empty();
                sample.step = static_cast<std::uint64_t>(position);
            }
            step_->run(inputs, stream_.get());
            sampler_->sample(samples, reinterpret_cast<const float*>(logits_.get()), shape_.vocabulary,
                             stream_.get());
        };
        generate(depth);
        return time_ms(3,
                       [&] {
                           for (int i = 0; i < tokens; ++i) generate(depth + i);
                       }) /
               tokens;
    }

    double stage_us(std::int32_t rows, std::int32_t depth, int first, int last) {
        step_ms(rows, depth, 1);  // leaves positions and sums behind
        const Stream capture = make_stream();
        const GraphExec graph = captured_graph(capture, [&] {
            for (std::int32_t layer = 0; layer < shape_.layers; ++layer)
                step_->run_stages(rows, step_->kv_plan_for(rows, depth), layer, first, last, capture.get());
        });
        return 1e3 * time_ms(10, [&] { cuda_check(cudaGraphLaunch(graph.get(), stream_.get())); }) /
               shape_.layers;
    }
    double head_us(std::int32_t rows) {
        return 1e3 * time_ms(10, [&] { step_->run_lm_head(rows, stream_.get()); });
    }

    // Bytes the kernels read for one row, keys and values included.
    double bytes_of_stage(int stage) const {
        const DeviceLayer& layer = model_.weights.layers[0];
        auto bytes = [](const DeviceMatrix& matrix, double rows) {
            const double blocks = matrix.columns / 32.0;
            const double scales = matrix.type == WeightFormat::mxfp4 ? blocks : 2 * blocks;
            return rows * (static_cast<double>(matrix.value_stride_bytes) + scales);
        };
        switch (stage) {
            case 0:
                return bytes(layer.qkv, layer.qkv.rows);
            case 2:
                return bytes(layer.output, layer.output.rows) + 2.0 * shape_.experts * shape_.hidden;
            case 3:
                return bytes(layer.gate_up, 4.0 * 2 * shape_.intermediate_size) +
                       32.0 * shape_.intermediate_size;
            case 4:
                return bytes(layer.down, 4.0 * shape_.hidden) + 16.0 * shape_.hidden;
            default:
                return 0;
        }
    }
    double key_bytes(std::int32_t depth) const {
        const auto token = [&](const KvPool& pool) {
            return 2.0 * shape_.kv_width() * pool.layers * model::kv_element_bytes(pool.type);
        };
        return token(model_.full) * depth +
               token(model_.sliding) * std::min<double>(depth, shape_.sliding_window);
    }
    double step_bytes(std::int32_t depth) const {
        double total = key_bytes(depth) + head_bytes();
        for (const int stage : {0, 2, 3, 4}) total += shape_.layers * bytes_of_stage(stage);
        return total;
    }
    double head_bytes() const { return double(shape_.vocabulary) * shape_.hidden * 34 / 32; }
    const model::Hyperparameters& shape() const { return shape_; }

  private:
    std::int64_t pool_bytes(std::int32_t blocks) const {
        return std::int64_t{shape_.sliding_layers()} * blocks * model::kBlockTokens * 2 * shape_.kv_width() *
               2;
    }

    model::Hyperparameters shape_;
    Stream stream_;
    DeviceModel model_;
    DeviceMemory pools_, tables_, logits_;
    std::unique_ptr<DeviceSampler> sampler_;
    std::unique_ptr<DecodeStep> step_;
};

void run(const model::Hyperparameters& shape, const std::string& how, const model::KvTypes& types) {
    const bool small = how == "small", quick = how == "quick" || small;
    const double roof = measure_read_bandwidth(0);
    std::printf("roof: %.0f GB/s\n", roof / 1e9);
    Bench bench(shape, small ? small_card() : current_device_traits(), types);
    for (const std::int32_t depth : {16, 1024, 32768, 131000}) {
        if (quick && depth != 1024) continue;
        const double ms = bench.step_ms(1, depth, 24);
        const double bytes = bench.step_bytes(depth);
        std::printf("1 row   depth %6d  %7.3f ms  %7.1f tok/s  %5.0f GB/s  %4.1f %% of the roof\n", depth, ms,
                    1e3 / ms, bytes / ms / 1e6, 100 * bytes / (ms * 1e-3) / roof);
    }
    if (small) std::printf("2 rows  depth   1024  %7.3f ms\n", bench.step_ms(2, 1024, 24));
    if (small || how == "one") return;
    if (!quick) {
        SamplingParameters sampling;
        sampling.top_p = 0.95F;
        std::printf("1 row   depth   1024  %7.3f ms with top_p 0.95\n", bench.step_ms(1, 1024, 24, sampling));
        sampling.top_k = 40;
        sampling.repetition_penalty = 1.1F;
        sampling.frequency_penalty = sampling.presence_penalty = 0.5F;
        std::vector<TokenCount> counts(500);
        for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = {static_cast<TokenId>(i * 397), 2};
        std::printf("1 row   depth   1024  %7.3f ms with top_k 40 and penalties too\n",
                    bench.step_ms(1, 1024, 24, sampling, counts));
    }
    for (const std::int32_t rows : {2, 4, 8}) {
        if (quick && rows != 8) continue;
        const double ms = bench.step_ms(rows, 1024, 24);
        std::printf("%d rows  depth   1024  %7.3f ms  %7.1f tok/s in all\n", rows, ms, rows * 1e3 / ms);
        if (!quick) std::printf("%d rows  depth  16000  %7.3f ms\n", rows, bench.step_ms(rows, 16000, 24));
    }
    static constexpr const char* kNames[] = {"query, key, value", "attention", "output", "gate and up",
                                             "down"};
    for (const std::int32_t rows : {1, 8})
        for (const std::int32_t depth : {1024, 131000}) {
            if ((rows > 1 || quick) && depth > 1024) continue;
            if (quick && rows > 1) continue;
            double sum = 0;
            for (int stage = 0; stage < 5; ++stage) {
                if (depth > 1024 && stage != 1) continue;
                const double us = bench.stage_us(rows, depth, stage, stage);
                const double floor_us = (stage == 1 ? rows * bench.key_bytes(depth) / bench.shape().layers
                                                    : bench.bytes_of_stage(stage)) /
                                        roof * 1e6;
                sum += us;
                std::printf("stage %-18s rows %d depth %6d  %7.2f us  roof of one row %6.2f us\n",
                            kNames[stage], rows, depth, us, floor_us);
            }
            std::printf("stages alone %.2f us; a layer %.2f us\n", sum, bench.stage_us(rows, depth, 0, 4));
        }
    std::printf("head, 1 row %.1f us, 8 rows %.1f us, roof %.1f us\n", bench.head_us(1), bench.head_us(8),
                bench.head_bytes() / roof * 1e6);
}

}  // namespace
}  // namespace gptoss::backend::cuda

int main(int argc, char** argv) {
    using namespace gptoss;
    const std::string name = argc > 1 ? argv[1] : "gpt-oss-120b";
    model::Hyperparameters shape = name == "gpt-oss-20b" ? model::gpt_oss_20b() : model::gpt_oss_120b();
    if (argc > 2) shape.layers = std::atoi(argv[2]);
    std::printf("%s, %d layers\n", name.c_str(), shape.layers);
    backend::cuda::run(shape, argc > 3 ? argv[3] : "all", model::kv_types_named(argc > 4 ? argv[4] : "bf16"));
}

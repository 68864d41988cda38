// Prompts and batches on random weights of a true shape: each kernel by itself, then whole passes.
//
//   bench_cuda_prefill [gpt-oss-120b | gpt-oss-20b] [kernels] [model] [long] [batch] [skewed]
//
//   kernels  matrix products, attention and routing of one layer, both instruction paths
//   experts, routing  products of experts, or routing, of one layer alone
//   attention  attention of one layer alone, keys and queries drawn from a normal distribution
//   model    prompts of 1,024 and 8,192 tokens, chunks of 2,048, 4,096 and 8,192
//   long     one prompt of 131,072 tokens, chunks of 2,048, 4,096 and 8,192
//   whole    before these two: chunks of 8,192 alone
//   batch    one row each of 2 to 512 sequences, 1,024 tokens deep
//   skewed   before these: routing whose hottest expert gets 8 times the mean
//   small    before these: the kernels of a card without wgmma and with 99 KB of shared memory a block
//   rows=N   before these: of the row counts only N
//   repeats=N  before these: of a batch; the card grows warm, and power binds
//   prefer=NAME  before these: a kernel, such as experts/wgmma, wherever it can be used
//   operations  what each operation takes in batches of 16 to 512 sequences and prompts of 1,024 to 8,192
//   profile  four layers, for a profiler: a pass each of 64 to 512 sequences and of prompts of 2,048 and 8,192 tokens
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "backend/cuda/batched_forward.h"
#include "backend/cuda/cuda_device.h"
#include "backend/cuda/repack.h"
#include "backend/cuda/weight_layout.h"
#include "base/error.h"
#include "event_timer.h"
#include "model/rope.h"
#include "own_blocks.h"
#include "random_values.h"
#include "skewed_routing.h"
#include "small_card.h"

namespace gptoss::backend::cuda {
namespace {

constexpr double kMatrixRoof = 989e12;  // H100 data sheet, dense float16, FLOP/s
constexpr std::int32_t kMostPositions = 131072;
constexpr std::int32_t kMostRows = 8192;
class Bench {
  public:
    Bench(const model::Hyperparameters& shape, bool small, const KernelChoice& kernels)
        : shape_(shape), stream_(make_stream()), device_(small ? small_card() : current_device_traits()) {
        model_.weights = allocate_weights(shape, published_types(shape));
        fill_synthetic(model_.weights, 1, nullptr);
        model_.weights.kernels = kernels;
        const std::int32_t blocks = kMostPositions / model::kBlockTokens;
        model_.full = make_pool(shape.full_layers(), std::max(blocks, own_blocks_that_fit(shape)));
        model_.sliding = make_pool(shape.sliding_layers(), kSlidingBlocks);
        std::vector<std::int32_t> tables(static_cast<std::size_t>(2 * kSlots * blocks));
        for (std::int32_t slot = 0; slot < kSlots; ++slot) {
            std::int32_t* full = tables.data() + slot * blocks;
            for (std::int32_t i = 0; i < blocks; ++i) full[i] = (slot * kOwnBlocks + i) % model_.full.blocks;
            std::int32_t* sliding = full + kSlots * blocks;
            for (std::int32_t i = 0; i < blocks; ++i)
                sliding[i] = (slot * kOwnSlidingBlocks + i) % kSlidingBlocks;
        }
        tables_ = allocate_device(static_cast<std::int64_t>(tables.size()) * 4);
        cuda_check(cudaMemcpy(tables_.get(), tables.data(), tables.size() * 4, cudaMemcpyHostToDevice));
        const auto* table = reinterpret_cast<const std::int32_t*>(tables_.get());
        model_.tables = {table, table + kSlots * blocks, blocks};
        const model::RopeTable rope = model::rope_table(shape);
        std::copy(rope.inverse_frequencies.begin(), rope.inverse_frequencies.end(),
                  model_.frequencies.inverse);
        model_.frequencies.attention_factor = rope.attention_factor;
        logits_ = allocate_device(std::int64_t{kSlots} * shape.vocabulary * 4);
        last_tokens_ = allocate_device(kSlots * 4);
        forward_ = std::make_unique<BatchedForward>(
            model_, reinterpret_cast<const std::int32_t*>(last_tokens_.get()),
            reinterpret_cast<float*>(logits_.get()), shape.vocabulary, kMostRows, device_);
        cuda_check(cudaDeviceSynchronize());
    }

    void skew() { skew_routing(model_, 8, stream_.get()); }
    void print_experts_hit() { cuda::print_experts_hit(model_, stream_.get()); }

    // Median milliseconds; a first run is not counted, unless it is the only one.
    double time_ms(int repeats, const std::function<void(int)>& run) {
        return median_ms(stream_, repeats > 1 ? 1 : 0, repeats, run);
    }

    void report(const char* what, std::int32_t rows, double ms, double flop, double bytes) const {
        std::printf("%-34s %6d rows %9.3f ms %7.1f TFLOP/s (%4.1f %%) %8.1f GB/s\n", what, rows, ms,
                    flop / ms * 1e-9, flop / ms * 1e3 / kMatrixRoof * 100, bytes / ms * 1e-6);
        std::fflush(stdout);
    }

    // The routing of one layer, and those products of it that are asked for.
    void products(std::int32_t rows, bool with_dense, bool with_experts) {
        const std::int64_t pairs = std::int64_t{rows} * kExpertsPerToken;
        const DeviceMemory activations = allocate_device(pairs * 4096 * 2),
                           output = allocate_device(pairs * 4096 * 4);
        const DeviceMemory routing_memory = allocate_device(pairs * 64 + (1 << 20));
        auto* residual = reinterpret_cast<float*>(output.get());
        fill_even(reinterpret_cast<__half*>(activations.get()), pairs * 4096);
        std::byte* next = routing_memory.get();
        const auto take = [&](std::int64_t bytes) {
            return std::exchange(next, next + Arena::padded(bytes));
        };
        auto* groups = reinterpret_cast<GroupList*>(take(sizeof(GroupList)));
        auto* choices = reinterpret_cast<std::int32_t*>(take(pairs * 4));
        auto* sorted_pairs = reinterpret_cast<std::int32_t*>(take(pairs * 4));
        auto* routing_weights = reinterpret_cast<float*>(take(pairs * 4));
        auto* cache_rows = reinterpret_cast<std::int64_t*>(take(rows * 8));
        const std::int64_t rotation_bytes = std::int64_t{rows} * kHeadSize * 4;
        const DeviceMemory rotation = allocate_device(rotation_bytes);
        cuda_check(cudaMemset(rotation.get(), 0, static_cast<std::size_t>(rotation_bytes)));
        std::vector<std::int64_t> places(static_cast<std::size_t>(rows));  // block after block
        for (std::int32_t i = 0; i < rows; ++i)
            places[static_cast<std::size_t>(i)] =
                i / model::kBlockTokens * model_.full.block_elements() + i % model::kBlockTokens * kHeadSize;
        cuda_check(cudaMemcpy(cache_rows, places.data(), places.size() * 8, cudaMemcpyHostToDevice));
        const DeviceMemory input = allocate_device(std::int64_t{rows} * shape_.hidden * 4);
        fill_even(reinterpret_cast<float*>(input.get()), std::int64_t{rows} * shape_.hidden);

        Routing routing;
        routing.residual = reinterpret_cast<const float*>(input.get());
        routing.row_count = rows;
        routing.hidden = shape_.hidden;
        routing.experts = shape_.experts;
        routing.epsilon = 1e-5F;
        routing.normalised = reinterpret_cast<__half*>(activations.get());
        routing.choices = choices;
        routing.routing_weights = routing_weights;
        routing.groups = groups;
        routing.sorted_pairs = sorted_pairs;
        const DeviceMemory partial_logits = allocate_device(4 * partial_logits_count(shape_.hidden));
        routing.partial_logits = reinterpret_cast<float*>(partial_logits.get());
        for (const bool in_order : {true, false}) {
            routing.in_order = in_order;
            const double routing_ms = time_ms(10, [&](int i) {
                routing.gain = layer(i).expert_norm;
                routing.router = layer(i).router;
                routing.router_bias = layer(i).router_bias;
                launch_routing(routing, stream_.get());
            });
            report(in_order ? "routing in order" : "routing", rows, routing_ms,
                   2.0 * rows * shape_.hidden * shape_.experts, double(rows) * shape_.hidden * 6);
        }
        fill_even(reinterpret_cast<__half*>(activations.get()), pairs * 4096);

        GemmProblem dense;
        dense.activations = reinterpret_cast<const __half*>(activations.get());
        dense.row_count = rows;
        dense.epilogue.kind = Epilogue::query_key_value;
        dense.epilogue.queries = reinterpret_cast<std::uint16_t*>(output.get());
        dense.epilogue.query_rows = shape_.query_width();
        dense.epilogue.kv_rows = shape_.kv_width();
        dense.epilogue.rotation = reinterpret_cast<const float*>(rotation.get());
        dense.epilogue.cache_rows = cache_rows;
        dense.epilogue.cache = model_.full.data;
        const DeviceMemory unpacked =  // of qkv, the larger one
            allocate_device(2 * unpacked_count(layer(0).qkv.rows, layer(0).qkv.columns));
        dense.unpacked = reinterpret_cast<__half*>(unpacked.get());
        std::vector of_dense{MatrixKernel::mma, MatrixKernel::wgmma, MatrixKernel::wgmma_unpacked};
        if (rows <= 128) of_dense.push_back(MatrixKernel::column_streamed);
        for (const MatrixKernel kernel : of_dense)
            if (with_dense) product("query, key, value", kernel, &DeviceLayer::qkv, dense, rows, 1);
        dense.epilogue = {};
        dense.epilogue.kind = Epilogue::residual;
        dense.epilogue.output = residual;
        dense.epilogue.output_stride = shape_.hidden;
        for (const MatrixKernel kernel : of_dense)
            if (with_dense) product("output", kernel, &DeviceLayer::output, dense, rows, 1);

        GemmProblem grouped;
        grouped.experts = shape_.experts;
        grouped.activations = reinterpret_cast<const __half*>(activations.get());
        grouped.groups = groups;
        grouped.row_count = static_cast<std::int32_t>(pairs);
        grouped.source_divisor = kExpertsPerToken;
        for (const MatrixKernel kernel :
             {MatrixKernel::mma, MatrixKernel::wgmma, MatrixKernel::streamed, MatrixKernel::streamed_small,
              MatrixKernel::streamed_tiles, MatrixKernel::streamed_tiles_small}) {
            if (!with_experts || (is_streamed(kernel) && rows > 1024)) continue;
            routing.tile_tokens = plan_with(kernel, rows, 192, shape_.experts, device_).tile_tokens;
            launch_routing(routing, stream_.get());
            GroupList list;
            cuda_check(cudaStreamSynchronize(stream_.get()));
            cuda_check(cudaMemcpy(&list, groups, sizeof(list), cudaMemcpyDeviceToHost));
            const double read = double(list.group_count) / shape_.experts;
            grouped.source_rows = sorted_pairs;
            grouped.epilogue = {};
            grouped.epilogue.kind = Epilogue::swiglu;
            grouped.epilogue.activations = reinterpret_cast<__half*>(output.get());
            grouped.epilogue.order = ActivationOrder::nibbles;
            product("gate, up", kernel, &DeviceLayer::gate_up, grouped, double(pairs), read);
            grouped.source_rows = nullptr;
            grouped.epilogue = {};
            grouped.epilogue.kind = Epilogue::expert_output;
            grouped.epilogue.expert_outputs = reinterpret_cast<__half*>(output.get());
            grouped.epilogue.pairs = sorted_pairs;
            grouped.epilogue.routing_weights = routing_weights;
            product("down", kernel, &DeviceLayer::down, grouped, double(pairs), read);
        }
    }

    // `read`: the share of the weights that is read.
    void product(const char* what, MatrixKernel kernel, DeviceMatrix DeviceLayer::*matrix,
                 GemmProblem problem, double product_rows, double read) {
        const std::int32_t rows =
            problem.groups == nullptr ? problem.row_count : problem.row_count / kExpertsPerToken;
        const double ms = time_ms(9, [&](int i) {
            problem.weights = layer(i).*matrix;
            const MatrixPlan plan =
                kernel == MatrixKernel::wgmma && problem.groups == nullptr
                    ? plan_dense(rows, problem.weights.rows, device_)
                    : plan_with(kernel, rows, problem.weights.rows, problem.experts, device_);
            launch_gemm(problem, plan, device_.sm_count, stream_.get());
        });
        const DeviceMatrix& w = problem.weights;
        report((std::string(what) + " (" + name_of(kernel) + ")").c_str(), rows, ms,
               2.0 * product_rows * (w.rows / problem.experts) * w.columns,
               read * double(w.rows) * double(w.value_stride_bytes + w.scale_stride_bytes));
    }

    const DeviceLayer& layer(int i) const {
        return model_.weights.layers[static_cast<std::size_t>(i) % model_.weights.layers.size()];
    }

    void attention(std::int32_t rows, std::int32_t depth, bool slides) {
        const std::int64_t count = std::int64_t{rows} * shape_.query_width();
        const DeviceMemory queries = allocate_device(count * 2), output = allocate_device(count * 2);
        fill_normal_bf16(reinterpret_cast<std::uint16_t*>(queries.get()), count);
        const DeviceMemory segments = allocate_device(sizeof(PrefillSegment));
        const PrefillSegment segment{0, 0, rows, depth};
        cuda_check(cudaMemcpy(segments.get(), &segment, sizeof(segment), cudaMemcpyHostToDevice));
        PrefillAttention a;
        a.segments = reinterpret_cast<const PrefillSegment*>(segments.get());
        a.segment_count = 1;
        a.row_count = rows;
        a.queries = reinterpret_cast<const std::uint16_t*>(queries.get());
        a.query_heads = shape_.query_heads;
        a.pool = slides ? model_.sliding : model_.full;
        a.tables = slides ? model_.tables.sliding : model_.tables.full;
        a.table_stride = model_.tables.table_stride;
        a.window = slides ? shape_.sliding_window : 0;
        a.output = reinterpret_cast<__half*>(output.get());
        for (const bool wgmma : {false, true}) {
            const double ms = time_ms(3, [&](int i) {
                a.sinks = model_.weights.layers[0].sinks;
                a.pool_layer = i % a.pool.layers;
                launch_prefill_attention(a, wgmma, stream_.get());
            });
            double keys = 0;
            for (std::int32_t i = 0; i < rows; ++i)
                keys += std::min(depth + i + 1, slides ? shape_.sliding_window : depth + i + 1);
            const std::string what = std::string(slides ? "window" : "full") + " attention at " +
                                     std::to_string(depth) + (wgmma ? " (wgmma)" : " (mma)");
            report(what.c_str(), rows, ms, 4.0 * keys * shape_.query_width(),
                   double(depth + rows) * 2 * shape_.kv_width() * 2);
        }
    }

    void prompt(std::int32_t length, std::int32_t chunk, int repeats) {
        std::vector<RowInput> rows(static_cast<std::size_t>(chunk));
        const double ms = time_ms(repeats, [&](int) {
            for (std::int32_t first = 0; first < length; first += chunk) {
                const std::int32_t count = std::min(chunk, length - first);
                for (std::int32_t i = 0; i < count; ++i)
                    rows[static_cast<std::size_t>(i)] = RowInput{(first + i) * 7919 % 200000, first + i, 0,
                                                                 first, first + i + 1 == length ? 0 : -1};
                forward_->run({rows.data(), static_cast<std::size_t>(count)}, stream_.get());
            }
        });
        std::printf("prompt of %6d in chunks of %4d: %9.2f ms, %8.0f tok/s\n", length, chunk, ms,
                    length / ms * 1e3);
        std::fflush(stdout);
    }

    // A step of `count` sequences, each at `depth`.
    void batch(std::int32_t count, std::int32_t depth, int repeats) {
        std::vector<RowInput> rows(static_cast<std::size_t>(count));
        for (std::int32_t i = 0; i < count; ++i) rows[i] = RowInput{i * 7919 % 200000, depth, i, depth, i};
        const double ms = time_ms(repeats, [&](int) { forward_->run(rows, stream_.get()); });
        std::int32_t hit = 0;
        cuda_check(cudaMemcpy(&hit, forward_->experts_hit(), sizeof(hit), cudaMemcpyDeviceToHost));
        std::printf(
            "step of %2d rows at %d: %8.3f ms, %7.0f tok/s in all; the last layer's rows hit %d experts\n",
            count, depth, ms, count / ms * 1e3, hit);
        std::fflush(stdout);
    }

    // What each operation takes, by a clock between them.
    void operations(const std::string& what, const std::vector<RowInput>& rows) {
        std::vector<OperationTime> times;
        constexpr int kRounds = 5;
        for (int round = 0; round < kRounds + 1; ++round) {
            if (round == 1) times.clear();
            OperationClock clock(stream_.get());
            forward_->set_clock(&clock);
            forward_->run(rows, stream_.get());
            forward_->set_clock(nullptr);
            clock.add_to(times);
        }
        double total = 0;
        for (const OperationTime& time : times) {
            std::printf("%-22s %-20s %9.1f us a call, %8.3f ms in all\n", what.c_str(), time.name.c_str(),
                        time.seconds / time.calls * 1e6, time.seconds / kRounds * 1e3);
            total += time.seconds / kRounds;
        }
        std::printf("%-22s %-20s %30.3f ms\n", what.c_str(), "together", total * 1e3);
        std::fflush(stdout);
    }
    void operations(std::int32_t only) {
        for (const std::int32_t count : {16, 64, 256, 512}) {
            if (only > 0 && count != only) continue;
            std::vector<RowInput> rows(static_cast<std::size_t>(count));
            for (std::int32_t i = 0; i < count; ++i) rows[i] = RowInput{i * 7919 % 200000, 1024, i, 1024, i};
            operations(std::to_string(count) + " rows", rows);
        }
        for (const std::int32_t count : {1024, 2048, 4096, 8192}) {
            if (only > 0 && count != only) continue;
            std::vector<RowInput> rows(static_cast<std::size_t>(count));
            for (std::int32_t i = 0; i < count; ++i)
                rows[i] = RowInput{i * 7919 % 200000, i, 0, 0, i + 1 == count ? 0 : -1};
            operations("prompt of " + std::to_string(count), rows);
        }
    }

  private:
    KvPool make_pool(std::int32_t layers, std::int32_t blocks) {
        KvPool pool{nullptr, model::KvType::bf16, layers, blocks, shape_.kv_heads, shape_.head_size};
        pools_.push_back(allocate_device(pool.layer_elements() * layers * 2));
        pool.data = pools_.back().get();
        fill_normal_bf16(reinterpret_cast<std::uint16_t*>(pool.data), pool.layer_elements() * layers);
        return pool;
    }

    model::Hyperparameters shape_;
    Stream stream_;
    DeviceTraits device_;
    DeviceModel model_;
    std::vector<DeviceMemory> pools_;
    DeviceMemory tables_, logits_, last_tokens_;
    std::unique_ptr<BatchedForward> forward_;
};

}  // namespace
}  // namespace gptoss::backend::cuda

int main(int argc, char** argv) {
    using namespace gptoss;
    const std::vector<std::string> words(argv + 1, argv + argc);
    const auto asked = [&](const char* word) { return std::ranges::find(words, word) != words.end(); };
    model::Hyperparameters shape = asked("gpt-oss-20b") ? model::gpt_oss_20b() : model::gpt_oss_120b();
    if (!asked("model") && !asked("long") && !asked("batch") && !asked("operations"))
        shape.layers = 4;  // kernels need only a few to rotate among
    try {
        backend::KernelChoice kernels;
        for (const std::string& word : words)
            if (word.starts_with("prefer=")) kernels.preferred.push_back({word.substr(7), 1, 1 << 30});
        backend::cuda::Bench bench(shape, asked("small"), kernels);
        if (asked("skewed")) bench.skew();
        if (asked("batch") || asked("model")) bench.print_experts_hit();
        std::int32_t only = 0, repeats = 10;
        for (const std::string& word : words) {
            if (word.starts_with("rows=")) only = std::stoi(word.substr(5));
            if (word.starts_with("repeats=")) repeats = std::stoi(word.substr(8));
        }
        if (asked("kernels") || asked("experts"))
            for (const std::int32_t rows : {8, 16, 32, 64, 128, 192, 256, 384, 512, 1024, 1536, 2048, 8192})
                if (only == 0 || rows == only) bench.products(rows, asked("kernels"), true);
        if (asked("routing"))
            for (const std::int32_t rows : {16, 64, 128, 256, 384, 512, 768, 1024, 2048, 2560, 4096, 8192})
                bench.products(rows, false, false);
        if (asked("kernels") || asked("attention"))
            for (const bool slides : {false, true})
                for (const std::int32_t rows : {1024, 2048, 8192})
                    for (const std::int32_t depth : {0, 8192, 120000}) bench.attention(rows, depth, slides);
        const std::vector<std::int32_t> chunks =
            asked("whole") ? std::vector<std::int32_t>{8192} : std::vector<std::int32_t>{2048, 4096, 8192};
        // Before any prompt: rows that read its keys come to resemble each other, and 16 then hit 27 experts, not 53.
        if (asked("batch"))
            for (const std::int32_t count : {2, 4, 8, 9, 16, 32, 64, 128, 256, 512})
                if (only == 0 || count == only) bench.batch(count, 1024, repeats);
        if (asked("model")) {
            bench.prompt(1024, 1024, 5);
            for (const std::int32_t chunk : chunks) bench.prompt(8192, chunk, 3);
        }
        if (asked("operations")) bench.operations(only);
        if (asked("profile")) {
            for (const std::int32_t count : {64, 256, 512}) bench.batch(count, 1024, 1);
            for (const std::int32_t length : {2048, 8192}) bench.prompt(length, length, 1);
        }
        if (asked("long"))
            for (const std::int32_t chunk : chunks) bench.prompt(131072, chunk, 1);
    } catch (const Error& error) {
        std::printf("%s\n", error.for_people().c_str());
        return 1;
    }
    return 0;
}

#include "backend/cuda/load_to_device.h"

#include <cuda_runtime.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "backend/cuda/memory.h"
#include "backend/cuda/repack.h"
#include "backend/cuda/weight_layout.h"
#include "gguf/dequantize.h"
#include "gguf/finite_weights.h"

namespace gptoss::backend::cuda {
namespace {

using gguf::TensorType;

// Large enough to hide the launch and the copy's start, small enough that 16 threads' double buffers stay
// under 300 MB.
constexpr std::int64_t kChunkBytes = 8 << 20;
constexpr std::int32_t kMostThreads = 16;

std::int64_t bytes_a_row(TensorType type, std::int64_t columns) {
    const gguf::TypeTraits& traits = gguf::traits(type);
    return columns / traits.block_elements * traits.block_bytes;
}

// Rows of one matrix that travel in one buffer.
struct Chunk {
    const model::Matrix* matrix = nullptr;
    DeviceMatrix packed;
    RowMap map;
    std::int64_t first_row = 0, rows = 0;
    bool dequantise =
        false;  // on the host, to F32: the format is 16-bit and the device cannot unpack the type
};

bool device_knows(TensorType source, WeightFormat packed) {
    switch (source) {
        case TensorType::MXFP4:
            return packed == WeightFormat::mxfp4;
        case TensorType::Q8_0:
            return packed == WeightFormat::q8_0;
        default:
            return source == TensorType::F16 || source == TensorType::BF16 || source == TensorType::F32;
    }
}

void add_chunks(std::vector<Chunk>& chunks, const model::Matrix& matrix, const DeviceMatrix& packed,
                RowMap map) {
    const TensorType type = matrix.tensor->type;
    const bool dequantise = !device_knows(type, packed.type);
    const std::int64_t row_bytes =
        dequantise ? matrix.columns * std::int64_t{sizeof(float)} : bytes_a_row(type, matrix.columns);
    const std::int64_t rows = std::max<std::int64_t>(1, kChunkBytes / row_bytes);
    for (std::int64_t first = 0; first < matrix.rows; first += rows)
        chunks.push_back({&matrix, packed, map, first, std::min(rows, matrix.rows - first), dequantise});
}

std::vector<Chunk> all_chunks(const model::Weights& weights, const DeviceWeights& device) {
    using Order = RowMap::Order;
    const model::Hyperparameters& shape = weights.hyperparameters;
    std::vector<Chunk> chunks;
    if (device.range.first == 0) add_chunks(chunks, weights.embedding, device.embedding, {});
    for (std::int32_t i = device.range.first; i < device.range.end; ++i) {
        const model::LayerWeights& from = weights.layers[static_cast<std::size_t>(i)];
        const DeviceLayer& to = device.layers[static_cast<std::size_t>(i)];
        add_chunks(chunks, from.query, to.qkv, {Order::rotary_pairs, 0});
        add_chunks(chunks, from.key, to.qkv, {Order::rotary_pairs, shape.query_width()});
        add_chunks(chunks, from.value, to.qkv, {Order::same, shape.query_width() + shape.kv_width()});
        add_chunks(chunks, from.attention_output, to.output, {});
        add_chunks(chunks, from.gate, to.gate_up, {Order::interleaved, 0});
        add_chunks(chunks, from.up, to.gate_up, {Order::interleaved, 1});
        add_chunks(chunks, from.down, to.down, {});
    }
    add_chunks(chunks, weights.lm_head, device.lm_head, {});
    return chunks;
}

// Brings the pages of a mapped file into memory and into this process in one call, instead of a fault for
// every few pages while they are copied. A hint: where the kernel does not know it (before 5.14), the faults
// do the work.
void populate([[maybe_unused]] std::span<const std::byte> bytes) {
#if defined(MADV_POPULATE_READ)
    constexpr std::uintptr_t kPage_bytes = 4096;
    const auto first = reinterpret_cast<std::uintptr_t>(bytes.data());
    const std::uintptr_t begin = first / kPage_bytes * kPage_bytes;
    madvise(reinterpret_cast<void*>(begin), first + bytes.size() - begin, MADV_POPULATE_READ);
#endif
}

// One thread's buffers and stream.
class Lane {
  public:
    Lane() : stream_(make_stream()) {
        for (Buffer& buffer : buffers_) {
            buffer.host = allocate_pinned(kCapacity);
            buffer.device = allocate_device(kCapacity);
            buffer.free = make_event();
        }
    }

    void send(const Chunk& chunk) {
        Buffer& buffer = buffers_[std::exchange(next_, 1 - next_)];
        cuda_check(cudaEventSynchronize(buffer.free.get()));
        TensorType type = chunk.matrix->tensor->type;
        const std::int64_t row_bytes = bytes_a_row(type, chunk.matrix->columns);
        const std::span<const std::byte> source =
            chunk.matrix->tensor->data.subspan(static_cast<std::size_t>(chunk.first_row * row_bytes),
                                               static_cast<std::size_t>(chunk.rows * row_bytes));
        populate(source);
        if (!gguf::all_finite(type, source))
            gguf::refuse_not_finite("tensor " + chunk.matrix->tensor->name, type);
        std::size_t bytes = source.size();
        if (chunk.dequantise) {
            const auto elements = static_cast<std::size_t>(chunk.rows * chunk.matrix->columns);
            gguf::dequantize(type, source, {reinterpret_cast<float*>(buffer.host.get()), elements});
            type = TensorType::F32;
            bytes = elements * sizeof(float);
        } else {
            std::memcpy(buffer.host.get(), source.data(), bytes);
        }
        cuda_check(cudaMemcpyAsync(buffer.device.get(), buffer.host.get(), bytes, cudaMemcpyHostToDevice,
                                   stream_.get()));
        repack_rows(type, buffer.device.get(), chunk.first_row, chunk.rows, chunk.packed, chunk.map,
                    stream_.get());
        cuda_check(cudaEventRecord(buffer.free.get(), stream_.get()));
    }
    void finish() { cuda_check(cudaStreamSynchronize(stream_.get())); }

  private:
    // A row longer than a chunk still fits: no model has rows of 4 MB.
    static constexpr std::int64_t kCapacity = kChunkBytes + (4 << 20);
    struct Buffer {
        PinnedMemory host;
        DeviceMemory device;
        Event free;
    };
    Stream stream_;
    std::array<Buffer, 2> buffers_;
    std::size_t next_ = 0;
};

void send_chunks(const std::vector<Chunk>& chunks, std::int32_t threads, const LoadProgress& progress) {
    std::int64_t total_bytes = 0, done_bytes = 0;
    for (const Chunk& chunk : chunks)
        total_bytes += chunk.rows * bytes_a_row(chunk.matrix->tensor->type, chunk.matrix->columns);
    int device = 0;
    cuda_check(cudaGetDevice(&device));
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::exception_ptr failure;
    auto work = [&] {
        try {
            cuda_check(cudaSetDevice(device));
            Lane lane;
            for (std::size_t i = next++; i < chunks.size(); i = next++) {
                lane.send(chunks[i]);
                const std::lock_guard lock(mutex);
                done_bytes +=
                    chunks[i].rows * bytes_a_row(chunks[i].matrix->tensor->type, chunks[i].matrix->columns);
                if (progress) progress(done_bytes, total_bytes);
            }
            lane.finish();
        } catch (...) {
            const std::lock_guard lock(mutex);
            if (!failure) failure = std::current_exception();
            next = chunks.size();
        }
    };
    std::vector<std::jthread> team;
    for (std::int32_t i = 0; i < threads; ++i) team.emplace_back(work);
    team.clear();
    if (failure) std::rethrow_exception(failure);
}

void send_floats(const float* to, const float* from, std::int64_t count) {
    const auto bytes = std::as_bytes(std::span(from, static_cast<std::size_t>(count)));
    if (!gguf::all_finite(TensorType::F32, bytes))
        gguf::refuse_not_finite("a norm, bias, sink or router", TensorType::F32);
    cuda_check(cudaMemcpy(const_cast<float*>(to), from, static_cast<std::size_t>(count) * sizeof(float),
                          cudaMemcpyHostToDevice));
}

std::vector<float> as_floats(const model::Matrix& matrix) {
    std::vector<float> values(static_cast<std::size_t>(matrix.rows * matrix.columns));
    gguf::dequantize(matrix.tensor->type, matrix.tensor->data, values);
    return values;
}

// Norms, biases, sinks and the router: small, and partly in another order than the file's.
void send_small_parts(const model::LayerWeights& from, const DeviceLayer& to,
                      const model::Hyperparameters& shape) {
    send_floats(to.attention_norm, from.attention_norm, shape.hidden);
    std::vector<float> qkv_bias(static_cast<std::size_t>(to.qkv.rows));
    const RowMap query_map{RowMap::Order::rotary_pairs, 0},
        key_map{RowMap::Order::rotary_pairs, shape.query_width()};
    for (std::int32_t i = 0; i < shape.query_width(); ++i)
        qkv_bias[static_cast<std::size_t>(place_of_row(query_map, i))] = from.query_bias[i];
    for (std::int32_t i = 0; i < shape.kv_width(); ++i) {
        qkv_bias[static_cast<std::size_t>(place_of_row(key_map, i))] = from.key_bias[i];
        qkv_bias[static_cast<std::size_t>(shape.query_width() + shape.kv_width() + i)] = from.value_bias[i];
    }
    send_floats(to.qkv_bias, qkv_bias.data(), to.qkv.rows);
    send_floats(to.sinks, from.sinks, shape.query_heads);
    send_floats(to.output_bias, from.attention_output_bias, shape.hidden);
    send_floats(to.expert_norm, from.expert_norm, shape.hidden);
    send_floats(to.router, as_floats(from.router).data(), std::int64_t{shape.experts} * shape.hidden);
    transpose_router(to, shape.experts, shape.hidden, nullptr);
    send_floats(to.router_bias, from.router_bias, shape.experts);
    const std::int64_t width = std::int64_t{shape.experts} * shape.intermediate_size;
    std::vector<float> gate_up_bias(static_cast<std::size_t>(2 * width));
    for (std::int64_t i = 0; i < width; ++i) {
        gate_up_bias[static_cast<std::size_t>(2 * i)] = from.gate_bias[i];
        gate_up_bias[static_cast<std::size_t>(2 * i + 1)] = from.up_bias[i];
    }
    send_floats(to.gate_up_bias, gate_up_bias.data(), 2 * width);
    send_floats(to.down_bias, from.down_bias, std::int64_t{shape.experts} * shape.hidden);
}

}  // namespace

DeviceWeights load_to_device(const model::Weights& weights, std::int32_t threads,
                             const LoadProgress& progress, model::LayerRange range) {
    if (range.empty()) range = {0, weights.hyperparameters.layers};
    DeviceWeights device = allocate_weights(weights.hyperparameters, types_of(weights, range));
    for (auto i = static_cast<std::size_t>(range.first); i < static_cast<std::size_t>(range.end); ++i)
        send_small_parts(weights.layers[i], device.layers[i], weights.hyperparameters);
    send_floats(device.output_norm, weights.output_norm, weights.hyperparameters.hidden);
    if (threads <= 0)
        threads = std::clamp(static_cast<std::int32_t>(std::thread::hardware_concurrency()), 1, kMostThreads);
    send_chunks(all_chunks(weights, device), std::min(threads, kMostThreads), progress);
    cuda_check(cudaDeviceSynchronize());
    return device;
}

}  // namespace gptoss::backend::cuda

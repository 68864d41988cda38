// How fast this GPU reads its memory: the roof of decoding.
#include <algorithm>
#include <vector>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/cuda_device.h"
#include "backend/cuda/memory.h"
#include "backend/cuda/primitives.cuh"

namespace gptoss::backend {
namespace {

constexpr int kThreads = 512;
constexpr int kUnroll = 8;

__global__ void __launch_bounds__(kThreads)
    read_kernel(const uint4* data, std::int64_t count, std::uint32_t* sink) {
    const std::int64_t stride = std::int64_t{gridDim.x} * kThreads;
    std::uint32_t mixed = 0;
    std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
    for (; i + (kUnroll - 1) * stride < count; i += kUnroll * stride) {
        uint4 words[kUnroll];
#pragma unroll
        for (int u = 0; u < kUnroll; ++u) words[u] = cuda::load_streaming_128(data + i + u * stride);
#pragma unroll
        for (int u = 0; u < kUnroll; ++u) mixed ^= words[u].x ^ words[u].y ^ words[u].z ^ words[u].w;
    }
    if (mixed == 0x12345678U) *sink = mixed;  // keeps the reads from being removed
}

}  // namespace

double measure_read_bandwidth(std::int32_t gpu_ordinal) {
    using cuda::cuda_check;
    const cuda::Device device(gpu_ordinal);
    const cuda::CurrentDevice current(device);
    std::size_t free_bytes = 0, total_bytes = 0;
    cuda_check(cudaMemGetInfo(&free_bytes, &total_bytes));
    // Many times the L2 cache, but no more than there is room for.
    const std::int64_t bytes = std::min<std::int64_t>(2LL << 30, static_cast<std::int64_t>(free_bytes) / 2);
    const cuda::DeviceMemory memory = cuda::allocate_device(bytes + 256);
    cuda_check(cudaMemset(memory.get(), 0x5A, static_cast<std::size_t>(bytes)));
    const cuda::Stream stream = cuda::make_stream();
    const cuda::Event begin = cuda::make_event(true), end = cuda::make_event(true);
    cuda_check(cudaDeviceSynchronize());
    std::vector<float> times_ms;
    for (int i = 0; i < 12; ++i) {
        cuda_check(cudaEventRecord(begin.get(), stream.get()));
        read_kernel<<<static_cast<unsigned>(device.traits().sm_count * 2), kThreads, 0, stream.get()>>>(
            reinterpret_cast<const uint4*>(memory.get()), bytes / 16,
            reinterpret_cast<std::uint32_t*>(memory.get() + bytes));
        cuda_check(cudaEventRecord(end.get(), stream.get()));
        cuda_check(cudaEventSynchronize(end.get()));
        float ms = 0;
        cuda_check(cudaEventElapsedTime(&ms, begin.get(), end.get()));
        if (i >= 2) times_ms.push_back(ms);
    }
    std::ranges::nth_element(times_ms, times_ms.begin() + static_cast<std::ptrdiff_t>(times_ms.size() / 2));
    return static_cast<double>(bytes) / (times_ms[times_ms.size() / 2] * 1e-3);
}

}  // namespace gptoss::backend

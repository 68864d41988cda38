#include "backend/cuda/memory.h"

#include <cuda_runtime.h>

#include <filesystem>
#include <string>

#include "base/check.h"
#include "base/error.h"

namespace gptoss::backend::cuda {

void cuda_check(cudaError_t status, std::source_location where) {
    if (status == cudaSuccess) return;
    const std::string place =
        std::filesystem::path(where.file_name()).filename().string() + ":" + std::to_string(where.line());
    throw Error(ErrorCode::device_failed,
                std::string("the GPU reported ") + cudaGetErrorName(status) + " (" +
                    cudaGetErrorString(status) + ") at " + place,
                "Look for Xid messages in the system log; restart the node.",
                {{"cuda_error", cudaGetErrorName(status)}, {"place", place}});
}

void DeviceFree::operator()(std::byte* memory) const noexcept {
    cudaFree(memory);
}
void PinnedFree::operator()(std::byte* memory) const noexcept {
    cudaFreeHost(memory);
}
void StreamDestroy::operator()(cudaStream_t stream) const noexcept {
    cudaStreamDestroy(stream);
}
void EventDestroy::operator()(cudaEvent_t event) const noexcept {
    cudaEventDestroy(event);
}
void GraphExecDestroy::operator()(cudaGraphExec_t graph) const noexcept {
    cudaGraphExecDestroy(graph);
}

DeviceMemory allocate_device(std::int64_t bytes) {
    void* memory = nullptr;
    const cudaError_t status = cudaMalloc(&memory, static_cast<std::size_t>(bytes));
    if (status == cudaErrorMemoryAllocation) {
        cudaGetLastError();  // the error is handled: later calls must not see it
        std::size_t free_bytes = 0, total_bytes = 0;
        cuda_check(cudaMemGetInfo(&free_bytes, &total_bytes));
        throw Error(ErrorCode::does_not_fit,
                    "the GPU has no room for " + std::to_string(bytes) + " bytes: " +
                        std::to_string(free_bytes) + " of " + std::to_string(total_bytes) + " are free",
                    "Close other programs on this GPU, or ask for a shorter context (`gpt-oss-node plan`).",
                    {{"wanted_bytes", std::to_string(bytes)}, {"free_bytes", std::to_string(free_bytes)}});
    }
    cuda_check(status);
    return DeviceMemory(static_cast<std::byte*>(memory));
}

PinnedMemory allocate_pinned(std::int64_t bytes) {
    void* memory = nullptr;
    cuda_check(cudaMallocHost(&memory, static_cast<std::size_t>(bytes)));
    return PinnedMemory(static_cast<std::byte*>(memory));
}

std::byte* Arena::take(std::int64_t bytes) {
    check(used_ + padded(bytes) <= bytes_, "an arena smaller than what is taken from it");
    std::byte* piece = memory_.get() + used_;
    used_ += padded(bytes);
    return piece;
}

Stream make_stream() {
    cudaStream_t stream = nullptr;
    cuda_check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    return Stream(stream);
}

Event make_event(bool timing) {
    cudaEvent_t event = nullptr;
    cuda_check(cudaEventCreateWithFlags(&event, timing ? cudaEventDefault : cudaEventDisableTiming));
    return Event(event);
}

}  // namespace gptoss::backend::cuda

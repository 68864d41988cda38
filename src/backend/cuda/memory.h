// Device memory, pinned host memory, streams and events that free themselves, and the one way CUDA errors
// become Error(device_failed).
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <span>

namespace gptoss::backend::cuda {

// Throws Error(device_failed) naming the call's place and CUDA's own words.
void cuda_check(cudaError_t status, std::source_location where = std::source_location::current());

struct DeviceFree {
    void operator()(std::byte* memory) const noexcept;
};
struct PinnedFree {
    void operator()(std::byte* memory) const noexcept;
};
using DeviceMemory = std::unique_ptr<std::byte, DeviceFree>;
using PinnedMemory = std::unique_ptr<std::byte, PinnedFree>;

// Aligned to 256 bytes. Not cleared. Throws Error(does_not_fit) when the device has no room.
DeviceMemory allocate_device(std::int64_t bytes);
PinnedMemory allocate_pinned(std::int64_t bytes);

// Hands out aligned pieces of one device allocation; nothing is freed before the whole.
class Arena {
  public:
    Arena() = default;
    explicit Arena(std::int64_t bytes) : memory_(allocate_device(bytes)), bytes_(bytes) {}

    // check()s that the piece fits: sizes are computed before the arena is made.
    std::byte* take(std::int64_t bytes);
    template <typename T>
    T* take_array(std::int64_t count) {
        return reinterpret_cast<T*>(take(count * static_cast<std::int64_t>(sizeof(T))));
    }
    std::int64_t used_bytes() const { return used_; }
    DeviceMemory release() { return std::move(memory_); }

    static constexpr std::int64_t padded(std::int64_t bytes) { return (bytes + 255) / 256 * 256; }

  private:
    DeviceMemory memory_;
    std::int64_t bytes_ = 0;
    std::int64_t used_ = 0;
};

struct StreamDestroy {
    void operator()(cudaStream_t stream) const noexcept;
};
struct EventDestroy {
    void operator()(cudaEvent_t event) const noexcept;
};
struct GraphExecDestroy {
    void operator()(cudaGraphExec_t graph) const noexcept;
};
using Stream = std::unique_ptr<CUstream_st, StreamDestroy>;
using Event = std::unique_ptr<CUevent_st, EventDestroy>;
using GraphExec = std::unique_ptr<CUgraphExec_st, GraphExecDestroy>;

Stream make_stream();
Event make_event(bool timing = false);

}  // namespace gptoss::backend::cuda

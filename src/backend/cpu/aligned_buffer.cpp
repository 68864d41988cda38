#include "backend/cpu/aligned_buffer.h"

#include <sys/mman.h>

#include <cstring>
#include <string>

#include "base/error.h"

namespace gptoss::backend::cpu {
namespace {

constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

std::size_t round_up(std::size_t value, std::size_t unit) {
    return (value + unit - 1) / unit * unit;
}

}  // namespace

AlignedBuffer::AlignedBuffer(std::size_t bytes) : bytes_(bytes) {
    if (bytes == 0) return;
    const std::size_t mapped = round_up(bytes, kHugePageBytes);
    // One huge page more than needed, then cut to alignment: only aligned ranges become huge pages.
    const std::size_t reserved = mapped + kHugePageBytes;
    void* memory = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        throw Error(
            ErrorCode::does_not_fit,
            "the system refused " + std::to_string(bytes) + " bytes of memory: " + std::strerror(errno),
            "Choose a smaller model or context, or stop other programs.", {{"bytes", std::to_string(bytes)}});
    auto* start = static_cast<std::byte*>(memory);
    const auto address = reinterpret_cast<std::uintptr_t>(start);
    const std::size_t before = round_up(address, kHugePageBytes) - address;
    const std::size_t after = kHugePageBytes - before;
    if (before > 0) munmap(start, before);
    if (after > 0) munmap(start + before + mapped, after);
    // Best effort: without huge pages everything works, slower.
    (void)madvise(start + before, mapped, MADV_HUGEPAGE);
    data_ = std::unique_ptr<std::byte, Unmap>(start + before, Unmap{mapped});
}

void Unmap::operator()(std::byte* memory) const {
    munmap(memory, mapped_bytes);
}

}  // namespace gptoss::backend::cpu

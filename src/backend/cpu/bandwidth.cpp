#include "backend/cpu/bandwidth.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>

#include "backend/cpu/aligned_buffer.h"
#include "backend/cpu/kernels.h"

namespace gptoss::backend::cpu {
namespace {

constexpr std::int64_t kBytes = std::int64_t{1} << 30;
constexpr int kPasses = 25;

// The least a thread takes at a time.
constexpr std::int64_t kStretch = std::int64_t{128} << 10;

}  // namespace

double measure_read_bandwidth(ThreadPool& pool) {
    const AlignedBuffer buffer(static_cast<std::size_t>(kBytes));
    std::memset(buffer.data(), 1, buffer.size());
    std::atomic<std::uint64_t> total = 0;  // used, so that the reads are not removed
    const Kernels& kernels = best_kernels();
    std::array<double, kPasses> speeds{};
    for (double& speed : speeds) {
        const auto start = std::chrono::steady_clock::now();
        pool.for_ranges(kBytes / kStretch, 1, [&](std::int64_t begin, std::int64_t end) {
            total += kernels.sum_words(buffer.data() + begin * kStretch,
                                       static_cast<std::size_t>((end - begin) * kStretch));
        });
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        speed = static_cast<double>(kBytes) / seconds.count();
    }
    std::ranges::nth_element(speeds, speeds.begin() + kPasses / 2);
    return total == 0 ? 0 : speeds[kPasses / 2] / 1e9;
}

}  // namespace gptoss::backend::cpu

#include "backend/cpu/bandwidth.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>

#include "backend/cpu/aligned_buffer.h"

namespace gptoss::backend::cpu {
namespace {

constexpr std::size_t kBytes = std::size_t{1} << 30;
constexpr int kPasses = 8;

std::uint64_t sum(const std::byte* from, std::size_t bytes) {
    // Sixteen running sums, so that additions do not wait for each other.
    std::uint64_t sums[16] = {};
    for (std::size_t at = 0; at + sizeof sums <= bytes; at += sizeof sums) {
        std::uint64_t values[16];
        std::memcpy(values, from + at, sizeof values);
        for (int lane = 0; lane < 16; ++lane) sums[lane] += values[lane];
    }
    std::uint64_t total = 0;
    for (const std::uint64_t lane : sums) total += lane;
    return total;
}

}  // namespace

double measure_read_bandwidth(ThreadPool& pool) {
    const AlignedBuffer buffer(kBytes);
    std::memset(buffer.data(), 1, buffer.size());
    const std::size_t share = kBytes / static_cast<std::size_t>(pool.size()) / 4096 * 4096;
    std::atomic<std::uint64_t> total = 0;  // used, so that the reads are not removed
    double best = 0;
    for (int pass = 0; pass < kPasses; ++pass) {
        const auto start = std::chrono::steady_clock::now();
        pool.on_all([&](std::int32_t thread) {
            total += sum(buffer.data() + static_cast<std::size_t>(thread) * share, share);
        });
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        best = std::max(best, static_cast<double>(share) * pool.size() / seconds.count());
    }
    return total == 0 ? 0 : best / 1e9;
}

}  // namespace gptoss::backend::cpu

// How fast a server reads large bodies, over all connections together: reading them takes processor time from
// those who wait for tokens. Connections take turns. Thread-safe.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <mutex>

namespace gptoss::http {

class ReadPace {
  public:
    using Clock = std::chrono::steady_clock;

    // A burst may come at once.
    ReadPace(double bytes_per_second, std::size_t burst_bytes)
        : seconds_per_byte_(1 / bytes_per_second), burst_(as_time(burst_bytes)) {}

    // How long to wait before that many bytes are read. They count from now on.
    std::chrono::milliseconds wait_before(std::size_t bytes, Clock::time_point now = Clock::now()) {
        const std::lock_guard lock(mutex_);
        free_at_ = std::max(free_at_, now - burst_) + as_time(bytes);
        return std::max(std::chrono::milliseconds(0),
                        std::chrono::duration_cast<std::chrono::milliseconds>(free_at_ - now));
    }

    // More is promised than is read within a moment: what can be refused should be. Every connection promises
    // one piece at a time, so slow ones do not count.
    bool is_crowded(Clock::time_point now = Clock::now()) {
        constexpr std::chrono::milliseconds kMoment{20};
        const std::lock_guard lock(mutex_);
        return free_at_ - now > kMoment;
    }

  private:
    Clock::duration as_time(std::size_t bytes) const {
        return std::chrono::duration_cast<Clock::duration>(
            std::chrono::duration<double>(static_cast<double>(bytes) * seconds_per_byte_));
    }

    const double seconds_per_byte_;
    const Clock::duration burst_;
    std::mutex mutex_;
    Clock::time_point free_at_;  // when what was promised so far has been read
};

}  // namespace gptoss::http

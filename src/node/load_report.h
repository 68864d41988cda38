// Loading progress as a line for people: "loading onto NVIDIA H100: 12.3 of 63.4 GB, 19 %, 16.1 GB/s".
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace gptoss::node {

class LoadReport {
  public:
    using Clock = std::chrono::steady_clock;

    // To be called with every progress; speeds are those of the stage so far.
    std::string text(const std::string& stage, std::int64_t done_bytes, std::int64_t total_bytes,
                     Clock::time_point now = Clock::now());

    // For a log: true when the last text() began or ended a stage, or a second after the last one that was
    // due.
    bool due() const { return due_; }

  private:
    std::string stage_;
    Clock::time_point began_, last_due_;
    bool due_ = false;
};

}  // namespace gptoss::node

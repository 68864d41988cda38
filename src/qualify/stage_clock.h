// The time that a stage was given, and how much of it is gone.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>

namespace gptoss::qualify {

inline double steady_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class StageClock {
  public:
    // `most_s` 0 = as long as it takes.
    StageClock(double most_s, std::function<double()> seconds)
        : most_s_(most_s), seconds_(std::move(seconds)), begin_s_(seconds_()) {}

    double gone_s() const { return seconds_() - begin_s_; }
    // Before this share of the time is gone, something that takes `needed_s` can be done.
    bool has(double share, double needed_s = 0) const {
        const bool enough = most_s_ <= 0 || gone_s() + needed_s < share * most_s_;
        was_short_ = was_short_ || !enough;
        return enough;
    }
    // There was no time for something: more would show more.
    bool was_short() const { return was_short_; }
    // Whoever takes longer hangs: a sixth of the time, but a large model must have been loaded. 0 = nobody said.
    double patience_s() const { return most_s_ <= 0 ? 0 : std::max(60.0, most_s_ / 6); }

  private:
    double most_s_;
    std::function<double()> seconds_;
    double begin_s_;
    mutable bool was_short_ = false;
};

}  // namespace gptoss::qualify

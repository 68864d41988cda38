// How many steps a thread may take at once for somebody while others wait behind it.
#pragma once

#include <cstddef>
#include <limits>

namespace gptoss {

// The steps are used up. No std::exception, so that nobody takes it for an error: only who set the bound
// catches it, and has the same work done again where it may take its time. So it is thrown before anything
// was changed that another try would change again.
struct TooManySteps {};

// For the thread that makes it, and as long as it lives. They do not nest.
class StepBound {
  public:
    explicit StepBound(std::size_t most_steps) { left_ = most_steps; }
    ~StepBound() { left_ = kUnbounded; }
    StepBound(const StepBound&) = delete;
    StepBound& operator=(const StepBound&) = delete;

    // Where work is counted anyway. Throws TooManySteps.
    static void spend(std::size_t steps) {
        if (left_ == kUnbounded) return;
        if (steps > left_) throw TooManySteps();
        left_ -= steps;
    }

  private:
    static constexpr std::size_t kUnbounded = std::numeric_limits<std::size_t>::max();
    inline static thread_local std::size_t left_ = kUnbounded;
};

}  // namespace gptoss

#include "base/step_bound.h"

#include <gtest/gtest.h>

#include <thread>

namespace gptoss {
namespace {

TEST(StepBound, CountsForItsThreadAndItsLife) {
    StepBound::spend(1'000'000'000);  // nobody waits
    {
        const StepBound bound(10);
        StepBound::spend(4);
        StepBound::spend(6);
        std::thread([] { StepBound::spend(1000); }).join();
        EXPECT_THROW(StepBound::spend(1), TooManySteps);
    }
    StepBound::spend(1000);
}

}  // namespace
}  // namespace gptoss

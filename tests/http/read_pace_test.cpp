#include "http/read_pace.h"

#include <gtest/gtest.h>

namespace gptoss::http {
namespace {

using std::chrono::milliseconds;

TEST(ReadPace, LetsABurstThroughAndThenKeepsTheRate) {
    ReadPace pace(1e6, 10'000);
    auto now = ReadPace::Clock::now();
    EXPECT_EQ(pace.wait_before(10'000, now), milliseconds(0));
    EXPECT_EQ(pace.wait_before(5'000, now), milliseconds(5));
    EXPECT_EQ(pace.wait_before(5'000, now), milliseconds(10));  // its turn comes after the other's
    now += milliseconds(10);
    EXPECT_EQ(pace.wait_before(3'000, now), milliseconds(3));
    now += milliseconds(1000);
    EXPECT_EQ(pace.wait_before(10'000, now), milliseconds(0));
    EXPECT_EQ(pace.wait_before(1'000, now), milliseconds(1));
    EXPECT_FALSE(pace.is_crowded(now));
    pace.wait_before(25'000, now);
    EXPECT_TRUE(pace.is_crowded(now));
    EXPECT_FALSE(pace.is_crowded(now + milliseconds(10)));
}

}  // namespace
}  // namespace gptoss::http

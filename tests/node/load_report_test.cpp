#include "node/load_report.h"

#include <gtest/gtest.h>

namespace gptoss::node {
namespace {

using namespace std::chrono_literals;

TEST(LoadReport, TellsShareAndSpeedOfTheStage) {
    LoadReport report;
    const LoadReport::Clock::time_point start{};
    EXPECT_EQ(report.text("opening x", 0, 0, start), "opening x");
    EXPECT_TRUE(report.due());
    EXPECT_EQ(report.text("loading", 0, 64'000'000'000, start + 10s), "loading: 0.0 of 64.0 GB, 0 %");
    EXPECT_TRUE(report.due());
    EXPECT_EQ(report.text("loading", 8'000'000'000, 64'000'000'000, start + 10500ms),
              "loading: 8.0 of 64.0 GB, 12 %, 16.0 GB/s");
    EXPECT_FALSE(report.due());
    EXPECT_EQ(report.text("loading", 64'000'000'000, 64'000'000'000, start + 10750ms),
              "loading: 64.0 of 64.0 GB, 100 %, 85.3 GB/s");
    EXPECT_TRUE(report.due());
}

}  // namespace
}  // namespace gptoss::node

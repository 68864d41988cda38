#include "base/utc_time.h"

#include <gtest/gtest.h>

namespace gptoss {
namespace {

TEST(UtcTime, IsWrittenAsIso8601) {
    EXPECT_EQ(utc_text(0), "1970-01-01T00:00:00Z");
    EXPECT_EQ(utc_text(1'795'422'645), "2026-11-23T08:30:45Z");
    EXPECT_EQ(utc_date(1'795'422'645), "2026-11-23");
}

TEST(UtcTime, HasThreeDigitsOfMilliseconds) {
    EXPECT_EQ(utc_text_ms(1'795'422'645'000), "2026-11-23T08:30:45.000Z");
    EXPECT_EQ(utc_text_ms(1'795'422'645'007), "2026-11-23T08:30:45.007Z");
    EXPECT_EQ(utc_text_ms(1'795'422'645'250), "2026-11-23T08:30:45.250Z");
}

TEST(UtcTime, GoesOn) {
    EXPECT_GT(now_s(), 1'795'000'000);
}

}  // namespace
}  // namespace gptoss

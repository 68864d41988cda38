#include "acceptance/load_reading.h"

#include <gtest/gtest.h>

namespace gptoss::acceptance {
namespace {

using namespace std::chrono_literals;

LoadReading reading(std::chrono::seconds time, std::string_view metrics) {
    return {Clock::time_point(time), "", Json{{"status", "ready"}}, read_metrics(metrics)};
}

// In the order of spelling 10 stands before 2.5: limits are to be compared as numbers.
const LoadReading kBefore = reading(100s, R"(# HELP gptoss_prompt_tokens_total Prompt tokens
gptoss_prompt_tokens_total 1000
gptoss_cached_prompt_tokens_total 900
gptoss_http_replies_total{route="/v1/chat/completions",status="200"} 50
gptoss_http_replies_total{route="/v1/status",status="200"} 500
gptoss_time_to_first_token_seconds_count 50
gptoss_time_to_first_token_seconds_sum 500
gptoss_time_to_first_token_seconds_bucket{le="1"} 0
gptoss_time_to_first_token_seconds_bucket{le="2.5"} 0
gptoss_time_to_first_token_seconds_bucket{le="10"} 50
gptoss_time_to_first_token_seconds_bucket{le="+Inf"} 50
)");
const LoadReading kNow = reading(110s, R"(gptoss_prompt_tokens_total 1400
gptoss_cached_prompt_tokens_total 1000
gptoss_http_replies_total{route="/v1/chat/completions",status="200"} 70
gptoss_http_replies_total{route="/v1/inference",status="429"} 5
gptoss_http_replies_total{route="/v1/inference",status="503"} 5
gptoss_http_replies_total{route="/v1/status",status="200"} 600
gptoss_time_to_first_token_seconds_count 70
gptoss_time_to_first_token_seconds_sum 530
gptoss_time_to_first_token_seconds_bucket{le="1"} 10
gptoss_time_to_first_token_seconds_bucket{le="2.5"} 20
gptoss_time_to_first_token_seconds_bucket{le="10"} 70
gptoss_time_to_first_token_seconds_bucket{le="+Inf"} 70
)");

TEST(LoadReading, TellsWhatHappenedBetweenTwoReadings) {
    const Load load = compare(&kBefore, kNow);
    EXPECT_FALSE(load.since_start);
    EXPECT_DOUBLE_EQ(load.seconds, 10);
    EXPECT_DOUBLE_EQ(load.replies_per_second, 3);  // 30 in 10 s; those of /v1/status do not count
    EXPECT_DOUBLE_EQ(load.refused_per_second, 1);
    ASSERT_TRUE(load.prefix_hit_share);
    EXPECT_DOUBLE_EQ(*load.prefix_hit_share, 0.25);  // 100 of 400, though 1000 of 1400 since the start
    ASSERT_TRUE(load.first_token);
    EXPECT_DOUBLE_EQ(load.first_token->mean_ms, 1500);  // 30 s of 20
    EXPECT_DOUBLE_EQ(load.first_token->p95_ms,
                     2350);  // the 19th of 20: nine tenths of the way from 1 to 2.5 s
    EXPECT_FALSE(load.next_token);
}

TEST(LoadReading, TellsAllSinceTheStartWithoutAnEarlierOne) {
    const Load load = compare(nullptr, kNow);
    EXPECT_TRUE(load.since_start);
    EXPECT_EQ(load.replies_per_second, 0);
    EXPECT_DOUBLE_EQ(load.prefix_hit_share.value(), 1000.0 / 1400);
    EXPECT_DOUBLE_EQ(load.first_token->mean_ms, 530e3 / 70);
}

TEST(LoadReading, SeesThatTheNodeBeganAnew) {
    const Load load = compare(&kNow, kBefore);
    EXPECT_TRUE(load.since_start);
    EXPECT_DOUBLE_EQ(load.prefix_hit_share.value(), 0.9);
}

TEST(LoadReading, SaysNothingOfWhatDidNotHappen) {
    const Load load = compare(&kNow, kNow);
    EXPECT_FALSE(load.prefix_hit_share || load.first_token || load.next_token);
    EXPECT_EQ(load.replies_per_second, 0);
}

TEST(LoadReading, PutsWhatIsBeyondTheLastBucketAtItsLimit) {
    const LoadReading slow = reading(1s,
                                     "gptoss_time_between_tokens_seconds_count 2\n"
                                     "gptoss_time_between_tokens_seconds_sum 20\n"
                                     "gptoss_time_between_tokens_seconds_bucket{le=\"2.5\"} 0\n"
                                     "gptoss_time_between_tokens_seconds_bucket{le=\"+Inf\"} 2\n");
    const Load load = compare(nullptr, slow);
    EXPECT_DOUBLE_EQ(load.next_token.value().mean_ms, 10'000);
    EXPECT_DOUBLE_EQ(load.next_token.value().p95_ms, 2500);
}

TEST(LoadReading, SkipsWhatIsNoMetric) {
    EXPECT_EQ(read_metrics("\n# x\nalone\n 1\n}\n{} 1\nx{a=\"}\"} 2\nn NaN\nlast 3"),
              (Series{{"{}", 1}, {"x{a=\"}\"}", 2}, {"last", 3}}));
    EXPECT_TRUE(read_metrics("<html>").empty());
    EXPECT_TRUE(read_metrics("").empty());
}

}  // namespace
}  // namespace gptoss::acceptance

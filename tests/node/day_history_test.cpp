#include "node/application/day_history.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "node/application/metrics.h"

namespace gptoss::node {
namespace {

constexpr std::int64_t kNow_s = 1'800'000'000;

struct CountingMeter final : http::ReplyMeter {
    void on_reply(const std::string&, int) override { ++replies; }
    int replies = 0;
};

HistorySample sample(std::int64_t time_s, double generation) {
    HistorySample made;
    made.time_s = time_s;
    made.generation = generation;
    return made;
}

TEST(DayHistory, TellsTheLastHourAndNotMore) {
    CountingMeter meter;
    DayHistory history(meter);
    for (int i = 0; i < 1000; ++i) history.add(sample(kNow_s - 10'000 + 10 * i, i));
    const api::Json json = history.to_json(3600, 360, kNow_s);
    EXPECT_EQ(json["interval_s"], 10);
    ASSERT_EQ(json["time"].size(), 359U);
    EXPECT_EQ(json["time"].back(), kNow_s - 10);
    EXPECT_EQ(json["generation"].back(), 999);
    EXPECT_TRUE(json["busy"].back().is_null());
}

TEST(DayHistory, TellsADayInMeans) {
    CountingMeter meter;
    DayHistory history(meter);
    for (int i = 0; i < 20'000; ++i) history.add(sample(kNow_s - 200'000 + 10 * i, i % 2));
    const api::Json json = history.to_json(kHistoryKept_s, 360, kNow_s);
    EXPECT_EQ(json["interval_s"], 240);
    EXPECT_LE(json["time"].size(), 361U);
    EXPECT_GE(json["time"].size(), 359U);
    EXPECT_EQ(json["generation"][100], 0.5);
    EXPECT_EQ(json["prompt"].size(), json["time"].size());
}

TEST(DayHistory, CountsRepliesThatFailedByRouteForAnHour) {
    CountingMeter meter;
    DayHistory history(meter);
    history.on_reply("/v1/models", 200);
    EXPECT_EQ(meter.replies, 1);
    EXPECT_TRUE(history.to_json(60, 1, std::time(nullptr))["errors"].empty());
    history.on_reply("/v1/models", 401);
    EXPECT_EQ(history.to_json(60, 1, std::time(nullptr))["errors"].size(), 1U);

    history.on_reply("/ready", 503);  // what it is asked for while a model loads
    EXPECT_EQ(history.to_json(60, 1, std::time(nullptr))["errors"].size(), 1U);
    EXPECT_EQ(meter.replies, 3);

    DayHistory other(meter);
    for (int i = 0; i < 3; ++i) other.add_error("/v1/chat/completions", 429, kNow_s - 5000 + i * 2400);
    const api::Json errors = other.to_json(60, 1, kNow_s)["errors"];
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(
        errors[0],
        (api::Json{
            {"route", "/v1/chat/completions"}, {"status", 429}, {"count", 2}, {"last_s", kNow_s - 200}}));
}

api::Json ask(const DayHistory& history, const std::string& query) {
    http::Router router;
    add_history_routes(router, history);
    http::HttpRequest request;
    request.method = "GET";
    request.path = "/v1/history";
    request.query = query;
    return api::Json::parse(
        std::get<api::HttpResponse>(router.find(request).route->handler(request, {})).body);
}

TEST(DayHistory, RefusesSpansItDoesNotKeep) {
    CountingMeter meter;
    const DayHistory history(meter);
    EXPECT_EQ(ask(history, "")["time"].size(), 0U);
    for (const char* wrong :
         {"seconds=0", "seconds=86401", "seconds=-1", "seconds=x", "points=2001", "points="})
        EXPECT_THROW(ask(history, wrong), Error) << wrong;
}

}  // namespace
}  // namespace gptoss::node

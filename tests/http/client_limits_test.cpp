#include "http/client_limits.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace gptoss::http {
namespace {

using namespace std::chrono_literals;
using Clock = ClientLimits::Clock;

std::string wait_for(ClientLimits& limits, const ClientLimit& limit, Clock::time_point now) {
    try {
        limits.admit("alice", limit, now);
        return "none";
    } catch (const Error& error) {
        for (const auto& [name, value] : error.facts())
            if (name == "retry_after_s") return value;
        return "?";
    }
}

TEST(ClientLimits, FillsUpOverTheMinute) {
    ClientLimits limits;
    const ClientLimit limit{.requests_per_minute = 6};
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < 6; ++i) EXPECT_EQ(wait_for(limits, limit, start), "none");
    EXPECT_EQ(wait_for(limits, limit, start), "10");
    EXPECT_EQ(wait_for(limits, limit, start + 4s), "6");
    EXPECT_EQ(wait_for(limits, limit, start + 10s), "none");
    EXPECT_EQ(wait_for(limits, limit, start + 10s), "10");
    // Never more than a minute's worth.
    for (int i = 0; i < 6; ++i) EXPECT_EQ(wait_for(limits, limit, start + 1h), "none");
    EXPECT_NE(wait_for(limits, limit, start + 1h), "none");
}

TEST(ClientLimits, ChargesTokensWhenTheyAreKnown) {
    ClientLimits limits;
    const ClientLimit limit{.tokens_per_minute = 600};
    const Clock::time_point start = Clock::now();
    limits.admit("alice", limit, start).finish(500, 400);
    EXPECT_EQ(wait_for(limits, limit, start), "31");  // 300 too many at 10 a second, and one to begin with
    EXPECT_EQ(wait_for(limits, limit, start + 31s), "none");
    EXPECT_EQ(limits.usage().front().completion_tokens, 400);
    EXPECT_EQ(limits.usage().front().refused, 1);
}

TEST(ClientLimits, CountsWhatRuns) {
    ClientLimits limits;
    const ClientLimit limit{.concurrent_requests = 2};
    auto first = limits.admit("alice", limit);
    {
        auto second = limits.admit("alice", limit);
        EXPECT_THROW(limits.admit("alice", limit), Error);
        EXPECT_NO_THROW(limits.admit("bob", limit));
    }
    EXPECT_NO_THROW(limits.admit("alice", limit));
}

}  // namespace
}  // namespace gptoss::http

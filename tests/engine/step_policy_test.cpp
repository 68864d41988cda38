#include "engine/step_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "simulation/device.h"

namespace gptoss::engine {
namespace {

constexpr std::int32_t kMost = 2048;

PendingPrompt prompt(std::int32_t rows) {
    return {.rows = rows};
}

const StepCosts kH200 = simulation::measured_costs(simulation::h200(), kMost);

class EveryScheduling : public testing::TestWithParam<Scheduling> {};
INSTANTIATE_TEST_SUITE_P(All, EveryScheduling,
                         testing::Values(Scheduling::latency, Scheduling::balanced, Scheduling::throughput));

TEST_P(EveryScheduling, GrantsAWholeStepWhenNobodyGenerates) {
    const PendingPrompt one = prompt(5000);
    const PromptGrant grant = StepPolicy(GetParam(), kMost).grant(kH200, 0, 0, std::span(&one, 1));
    EXPECT_EQ(grant.rows, kMost);
    EXPECT_EQ(grant.bound_ms, 0);
    EXPECT_EQ(grant.limit, StepLimit::rows);
}

TEST_P(EveryScheduling, KeepsItsBound) {
    const StepBounds bounds = bounds_of(GetParam());
    const StepPolicy policy(GetParam(), kMost);
    for (std::int32_t users = 1; users <= 512; users *= 2)
        for (const std::int32_t rows : {100, 1'320, 100'000}) {
            const PendingPrompt one = prompt(rows);
            const PromptGrant grant = policy.grant(kH200, users, 0, std::span(&one, 1));
            const double alone_ms = kH200.ms({.decode_rows = users});
            EXPECT_DOUBLE_EQ(grant.bound_ms, std::max(bounds.step_ms, bounds.slowdown * alone_ms));
            EXPECT_LE(kH200.ms({.decode_rows = users, .prompt_rows = grant.rows}), grant.bound_ms);
            EXPECT_GE(grant.rows, kFewestRows);
            EXPECT_LE(grant.rows, kMost - users);
        }
}

// Whoever generates: prompts get a part of the time, and so a part of the speed that they have alone.
TEST_P(EveryScheduling, NeverStarvesPrompts) {
    const StepPolicy policy(GetParam(), kMost);
    const double alone = kMost / kH200.ms({.prompt_rows = kMost});
    const double least = GetParam() == Scheduling::latency    ? 0.2
                         : GetParam() == Scheduling::balanced ? 0.5
                                                              : 0.75;
    for (std::int32_t users = 1; users <= 512; users *= 2) {
        const PendingPrompt one = prompt(100'000);
        const PromptGrant grant = policy.grant(kH200, users, 0, std::span(&one, 1));
        const double speed = grant.rows / kH200.ms({.decode_rows = users, .prompt_rows = grant.rows});
        EXPECT_GE(speed / alone, least) << users << " users";
    }
}

TEST(StepPolicy, SaysWhatEndedTheRows) {
    const StepPolicy policy(Scheduling::balanced, kMost);
    const PendingPrompt one = prompt(100'000);
    EXPECT_EQ(policy.grant(kH200, 64, 0, std::span(&one, 1)).limit, StepLimit::bound);
    EXPECT_EQ(policy.grant(kH200, 512, 0, std::span(&one, 1)).limit, StepLimit::rows);
}

TEST(StepPolicy, GrantsFewerRowsTheFurtherTheyLookBack) {
    StepCosts costs = kH200;
    for (std::int64_t depth = 10'000; depth < 100'000; depth += 1'000)
        costs.record({.prompt_rows = 512, .prompt_context = 512 * depth},
                     simulation::h200().step_ms({.prompt_rows = 512, .prompt_context = 512 * depth}));
    const StepPolicy policy(Scheduling::balanced, kMost);
    PendingPrompt near = prompt(100'000), far = near;
    far.context = 90'000;
    EXPECT_LT(policy.grant(costs, 64, 0, std::span(&far, 1)).rows,
              policy.grant(costs, 64, 0, std::span(&near, 1)).rows);
}

// Half of the rows are the long prompt's, who came first, and those look far back.
TEST(StepPolicy, CountsTheContextOfThePromptThatGetsHalfOfTheRows) {
    StepCosts costs = kH200;
    for (std::int64_t depth = 10'000; depth < 100'000; depth += 1'000)
        for (const std::int32_t rows : {256, 512, 1'024}) {
            const StepShape shape{.prompt_rows = rows, .prompt_context = rows * depth};
            costs.record(shape, simulation::h200().step_ms(shape));
        }
    std::vector<PendingPrompt> prompts(3, prompt(1'400));
    prompts.push_back({.rows = 20'000, .context = 80'000, .came_first = true});
    const PromptGrant grant = StepPolicy(Scheduling::balanced, kMost).grant(costs, 8, 0, std::span(prompts));
    const std::int32_t half = grant.rows / 2;
    const StepShape step{
        .decode_rows = 8,
        .prompt_rows = grant.rows,
        .prompt_context = std::int64_t{half} * (80'000 + half / 2) + std::int64_t{half} * (half / 2)};
    EXPECT_LE(costs.ms(step), grant.bound_ms * 1.01);
    EXPECT_GE(costs.ms(step), grant.bound_ms * 0.95);
}

TEST(StepPolicy, EvenASlowDeviceTakesInAFewRows) {
    const StepCosts slow = simulation::measured_costs(simulation::two_cores(), kMost);
    const PendingPrompt one = prompt(1000);
    EXPECT_EQ(StepPolicy(Scheduling::latency, 512).grant(slow, 4, 0, std::span(&one, 1)).rows, kFewestRows);
}

TEST(StepPolicy, GuessesBeforeAnyMeasurement) {
    const PendingPrompt one = prompt(5000);
    const PromptGrant grant = StepPolicy(Scheduling::balanced, kMost).grant({}, 8, 0, std::span(&one, 1));
    EXPECT_EQ(grant.rows, 256);
}

TEST(StepPolicy, AStepFullOfUsersStillTakesInARow) {
    const PendingPrompt one = prompt(10);
    EXPECT_EQ(StepPolicy(Scheduling::balanced, 64).grant(kH200, 64, 0, std::span(&one, 1)).rows, 1);
}

}  // namespace
}  // namespace gptoss::engine

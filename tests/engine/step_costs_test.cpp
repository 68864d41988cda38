#include "engine/step_costs.h"

#include <gtest/gtest.h>

namespace gptoss::engine {
namespace {

TEST(StepCosts, KnowNothingBeforeAnythingIsMeasured) {
    const StepCosts costs;
    EXPECT_FALSE(costs.knows_prompts());
    EXPECT_EQ(costs.ms({.decode_rows = 8, .prompt_rows = 100}), 0);
}

TEST(StepCosts, LieOnStraightLinesBetweenWhatWasMeasured) {
    StepCosts costs;
    costs.record({.prompt_rows = 100}, 10);
    costs.record({.prompt_rows = 300}, 30);
    EXPECT_NEAR(costs.ms({.prompt_rows = 200}), 20, 1e-9);
    EXPECT_NEAR(costs.ms({.prompt_rows = 50}), 10, 1e-9) << "a step has a fixed part";
    EXPECT_NEAR(costs.ms({.prompt_rows = 600}), 60, 1e-9);
}

TEST(StepCosts, CountAllRowsOfAStepWithPrompts) {
    StepCosts costs;
    costs.record({.decode_rows = 60, .prompt_rows = 40}, 10);
    costs.record({.prompt_rows = 200}, 20);
    EXPECT_NEAR(costs.ms({.decode_rows = 100, .prompt_rows = 50}), 15, 1e-9);
}

TEST(StepCosts, KeepStepsThatOnlyGenerateApart) {
    StepCosts costs;
    costs.record({.decode_rows = 64}, 19);
    costs.record({.prompt_rows = 64}, 12);
    EXPECT_NEAR(costs.ms({.decode_rows = 64}), 19, 1e-9);
    EXPECT_NEAR(costs.ms({.decode_rows = 64, .prompt_rows = 1}), 19, 1)
        << "never less than without the prompt";
}

// Kernels change at powers of two: 256 rows tell nothing of 257.
TEST(StepCosts, DoNotBlurAJump) {
    StepCosts costs;
    for (int i = 0; i < 10; ++i) {
        costs.record({.prompt_rows = 256}, 25);
        costs.record({.prompt_rows = 257}, 36);
    }
    EXPECT_NEAR(costs.ms({.prompt_rows = 256}), 25, 1e-9);
    EXPECT_NEAR(costs.ms({.prompt_rows = 257}), 36, 1e-9);
}

TEST(StepCosts, OneStepThatWaitedForSomethingElseSaysNothing) {
    StepCosts costs;
    for (int i = 0; i < 4; ++i) costs.record({.prompt_rows = 700}, 45);
    costs.record({.prompt_rows = 700}, 900);
    EXPECT_NEAR(costs.ms({.prompt_rows = 700}), 45, 1e-9);
}

// The first step of its size loaded its kernels; it would never be tried again.
TEST(StepCosts, NoStepTakesLongerThanALargerOne) {
    StepCosts costs;
    costs.record({.prompt_rows = 700}, 900);
    costs.record({.prompt_rows = 2048}, 83);
    EXPECT_NEAR(costs.ms({.prompt_rows = 700}), 83, 1e-9);
}

TEST(StepCosts, FollowADeviceThatBecomesSlower) {
    StepCosts costs;
    for (int i = 0; i < 10; ++i) costs.record({.decode_rows = 64}, 19);
    for (int i = 0; i < 5; ++i) costs.record({.decode_rows = 64}, 27);
    EXPECT_NEAR(costs.ms({.decode_rows = 64}), 27, 1e-9);
}

// What a prompt costs 100,000 tokens deep must not make short ones look dear afterwards.
TEST(StepCosts, ChargeContextToContext) {
    StepCosts costs;
    const auto step_ms = [](std::int32_t rows, std::int64_t context) {
        return 20 + 0.03 * rows + 0.5e-6 * static_cast<double>(context);
    };
    for (const std::int32_t rows : {16, 64, 256, 1024, 2048})
        costs.record({.prompt_rows = rows}, step_ms(rows, 0));
    for (std::int64_t depth = 0; depth < 100'000; depth += 700)
        costs.record({.prompt_rows = 700, .prompt_context = 700 * depth}, step_ms(700, 700 * depth));
    EXPECT_NEAR(costs.ms({.prompt_rows = 700}), step_ms(700, 0), 2);
    EXPECT_NEAR(costs.ms({.prompt_rows = 700, .prompt_context = 700 * 90'000}), step_ms(700, 700 * 90'000),
                2);
}

TEST(StepCosts, ChargeTheContextOfRowsThatGenerate) {
    StepCosts costs;
    for (int i = 0; i < 5; ++i) costs.record({.decode_rows = 64, .decode_context = 64 * 1000}, 19);
    for (int i = 0; i < 50; ++i) costs.record({.decode_rows = 64, .decode_context = 64 * 40'000}, 41);
    EXPECT_NEAR(costs.ms({.decode_rows = 64, .decode_context = 64 * 40'000}), 41, 1);
    EXPECT_NEAR(costs.ms({.decode_rows = 64, .decode_context = 64 * 1000}), 19, 1);
}

TEST(StepCosts, KeepThePriceOfContextByTheNumberOfRows) {
    StepCosts costs;
    for (const std::int32_t rows : {128, 512, 2048}) costs.record({.prompt_rows = rows}, 20);
    const auto far = [](std::int32_t rows) {
        return StepShape{.prompt_rows = rows, .prompt_context = rows * 10'000LL};
    };
    costs.record(far(2048), 20 + 2048 * 10'000 * 1e-6);
    EXPECT_NEAR(costs.ms(far(2048)), 40.5, 0.1);
    EXPECT_GT(costs.ms(far(512)), 20 + 512 * 10'000 * 1e-6)
        << "not known yet: fewer rows pay more for a token";
    costs.record(far(512), 20 + 512 * 10'000 * 2e-6);
    EXPECT_NEAR(costs.ms(far(512)), 30.2, 0.1);
    EXPECT_NEAR(costs.ms(far(2048)), 40.5, 0.1) << "what many rows pay is another matter";
    EXPECT_NEAR(costs.ms(far(1024)), 20 + 1024 * 10'000 * 2e-6, 0.1)
        << "as dear as for the next fewer that are known";
}

}  // namespace
}  // namespace gptoss::engine

#include "engine/step_pacer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <utility>

namespace gptoss::engine {
namespace {

// A device whose steps take `base` for decoding, `fixed` more with any row of a prompt, and `row` for each.
struct Device {
    double base_ms = 0, row_ms = 0, fixed_ms = 0;
    double step_ms(std::int32_t decode_rows, std::int32_t prompt_rows) const {
        return (decode_rows > 0 ? base_ms : 0) + (prompt_rows > 0 ? fixed_ms : 0) + row_ms * prompt_rows;
    }
};

void learn(StepPacer& pacer, const Device& device, std::int32_t decode_rows) {
    for (int i = 0; i < 40; ++i) {
        pacer.record(decode_rows, 0, device.step_ms(decode_rows, 0));
        const std::int32_t rows = pacer.prompt_rows(decode_rows);
        pacer.record(decode_rows, rows, device.step_ms(decode_rows, rows));
    }
}

TEST(StepPacer, APromptThatIsAloneGetsTheWholeStep) {
    StepPacer pacer(1.5, 2048);
    EXPECT_EQ(pacer.prompt_rows(0), 2048);
    pacer.record(0, 2048, 50);
    EXPECT_EQ(pacer.prompt_rows(0), 2048);
}

TEST(StepPacer, StepsWithPromptsStayWithinTheSlowdown) {
    const Device device{.base_ms = 40, .row_ms = 0.05};
    StepPacer pacer(1.5, 2048);
    learn(pacer, device, 64);
    const std::int32_t rows = pacer.prompt_rows(64);
    EXPECT_LE(device.step_ms(64, rows), 60.5);
    EXPECT_GE(device.step_ms(64, rows), 55);
}

TEST(StepPacer, FastStepsMayGrowToTwentyMilliseconds) {
    const Device device{.base_ms = 2, .row_ms = 0.05};
    StepPacer pacer(1.5, 2048);
    learn(pacer, device, 1);
    EXPECT_NEAR(device.step_ms(1, pacer.prompt_rows(1)), 20, 0.5);
}

TEST(StepPacer, EvenASlowDeviceTakesInAFewRows) {
    const Device device{.base_ms = 80, .row_ms = 16};
    StepPacer pacer(1.5, 2048);
    learn(pacer, device, 1);
    EXPECT_EQ(pacer.prompt_rows(1), 16);
}

// gpt-oss-120b on an H100: a step that takes in 16 rows of a prompt takes 23 ms, one with 700 twice that.
// Believing that every row costs 23/16 ms, the pacer once kept to 16, and 64 prompts of 1,024 tokens took
// minutes.
TEST(StepPacer, AFixedPriceIsNotTakenForThePriceOfARow) {
    const Device device{.base_ms = 2, .row_ms = 0.034, .fixed_ms = 23};
    for (const std::int32_t first : {16, 17, 100, 2048}) {
        StepPacer pacer(1.5, 2048);
        for (int i = 0; i < 30; ++i) pacer.record(1, first, device.step_ms(1, first));
        learn(pacer, device, 1);
        const std::int32_t rows = pacer.prompt_rows(1);
        EXPECT_GE(rows / device.step_ms(1, rows), 8) << "rows a millisecond, first " << first;
        EXPECT_LE(device.step_ms(1, rows), 2 + 60.5) << first;
    }
}

TEST(StepPacer, AFullStepKeepsTheSlowdownWhateverWasLearnedBefore) {
    StepPacer pacer(1.5, 2048);
    learn(pacer, {.base_ms = 2, .row_ms = 0.034, .fixed_ms = 23}, 1);
    const Device full{.base_ms = 31, .row_ms = 0.034, .fixed_ms = 1};
    learn(pacer, full, 64);
    EXPECT_LE(full.step_ms(64, pacer.prompt_rows(64)), 47);
    EXPECT_GE(full.step_ms(64, pacer.prompt_rows(64)), 43);
}

// 64 rows of gpt-oss-120b on an H100: up to 256 rows a step streams the experts' weights, with more the
// experts' products are made for prompts and take half as long again.
TEST(StepPacer, KeepsTheSlowdownWhereStepsJump) {
    const auto step_ms = [](std::int32_t decode_rows, std::int32_t prompt_rows) {
        const std::int32_t rows = decode_rows + prompt_rows;
        return 21 + 0.025 * prompt_rows + (rows > 256 ? 12 : 0);
    };
    StepPacer pacer(1.5, 2048);
    pacer.record(64, 0, step_ms(64, 0));
    double total_ms = 0;
    std::int32_t total_rows = 0;
    for (int i = 0; i < 60; ++i) {
        const std::int32_t rows = pacer.prompt_rows(64);
        pacer.record(64, rows, step_ms(64, rows));
        total_ms += step_ms(64, rows);
        total_rows += rows;
    }
    EXPECT_LE(total_ms / 60, 1.5 * 21);
    EXPECT_GE(total_rows / 60, 64) << "and prompts are not starved";
}

// gpt-oss-120b on an H200, measured: a step's time bends with its rows, whoever they belong to, since more
// and more of the experts are read.
double measured_step_ms(std::int32_t rows) {
    constexpr std::array<std::pair<double, double>, 9> kMeasured{{{1, 1.7},
                                                                  {8, 6.5},
                                                                  {16, 10.4},
                                                                  {32, 13.9},
                                                                  {64, 19.1},
                                                                  {256, 25},
                                                                  {257, 36},
                                                                  {1024, 55.7},
                                                                  {2048, 83}}};
    for (std::size_t i = 1; i < kMeasured.size(); ++i) {
        const auto& [from, from_ms] = kMeasured[i - 1];
        const auto& [to, to_ms] = kMeasured[i];
        if (rows <= to) return from_ms + (to_ms - from_ms) * (rows - from) / (to - from);
    }
    return kMeasured.back().second;
}

// 64 users come at once, then all generate, then a long prompt enters. What prompts cost beside few users who
// generate is not what they cost beside 64: the pacer once granted the long prompt 65 ms a step.
TEST(StepPacer, ALongPromptAfterACrowdKeepsTheSlowdown) {
    constexpr std::int32_t kUsers = 64, kPrompt = 1024, kLongPrompt = 8192;
    StepPacer pacer(1.5, 2048);
    double crowd_ms = 0;
    for (std::int32_t done = 0; done < kUsers * kPrompt;) {
        const std::int32_t decoding = done / kPrompt;
        const std::int32_t rows = std::min(pacer.prompt_rows(decoding), kUsers * kPrompt - done);
        const double step_ms = measured_step_ms(decoding + rows);
        pacer.record(decoding, rows, step_ms);
        crowd_ms += step_ms;
        done += rows;
    }
    EXPECT_LE(crowd_ms, 12'000) << "and nobody waits for ever for the first token";
    for (int i = 0; i < 100; ++i) pacer.record(kUsers, 0, measured_step_ms(kUsers));
    double long_ms = 0, steps = 0;
    for (std::int32_t done = 0; done < kLongPrompt; ++steps) {
        const std::int32_t rows = pacer.prompt_rows(kUsers);
        const double step_ms = measured_step_ms(kUsers + rows);
        pacer.record(kUsers, rows, step_ms);
        long_ms += step_ms;
        done += rows;
    }
    EXPECT_LE(long_ms / steps, 1.5 * measured_step_ms(kUsers));
    EXPECT_LE(long_ms, 4'000);
}

TEST(StepPacer, ASlowdownOfOneTurnsItOff) {
    StepPacer pacer(1, 512);
    learn(pacer, {.base_ms = 10, .row_ms = 1}, 8);
    EXPECT_EQ(pacer.prompt_rows(8), 512);
}

TEST(StepPacer, NeverMoreRowsThanAStepHolds) {
    StepPacer pacer(1.5, 8);
    EXPECT_EQ(pacer.prompt_rows(3), 8);
    learn(pacer, {.base_ms = 100, .row_ms = 0.001}, 3);
    EXPECT_EQ(pacer.prompt_rows(3), 8);
}

TEST(StepPacer, FollowsADeviceThatBecomesSlower) {
    StepPacer pacer(1.5, 2048);
    learn(pacer, {.base_ms = 40, .row_ms = 0.05}, 64);
    const Device slower{.base_ms = 40, .row_ms = 0.2};
    learn(pacer, slower, 64);
    EXPECT_LE(slower.step_ms(64, pacer.prompt_rows(64)), 61);
}

}  // namespace
}  // namespace gptoss::engine

// The time that is given is kept: what was left out is said, and what was not tried decides nothing.
#include <gtest/gtest.h>

#include <algorithm>

#include "qualify/kernel_stage.h"
#include "qualify/scripted_runner.h"

namespace gptoss::qualify {
namespace {

// Time passes in requests alone: the reference takes so long a token and layer, all else so long a request.
struct Pace {
    double of_reference_s = 0, of_request_s = 0;
};

class SlowRunner final : public ProbeRunner {
  public:
    SlowRunner(Pace pace, const std::string& wrong)
        : pace_(pace), right_([](auto&&...) { return 1.0; }, wrong) {
        if (wrong == "all") right_.logit_of = [](const std::string&, const Probe&) { return 2.0F; };
    }

    ProbeReply run(const ProbeRequest& request) override {
        const std::int32_t layers =
            request.layers.empty() ? kLayers : request.layers.end - request.layers.first;
        std::int32_t tokens = 0;
        for (const Probe& probe : request.probes) tokens += probe.step_tokens() * probe.draws();
        now_s += request.exact ? pace_.of_reference_s * tokens * layers : pace_.of_request_s;
        return right_.run(request);
    }

    static constexpr std::int32_t kLayers = 8;
    double now_s = 100;

  private:
    Pace pace_;
    test::ScriptedRunner right_;
};

struct Staged {
    KernelStageResult result;
    double took_s = 0;
    std::vector<KernelStageResult> so_far;
};

Staged staged(Pace pace, double most_s, const std::string& wrong = {}) {
    SlowRunner runner(pace, wrong);
    KernelStageOptions options;
    options.device = "cuda";
    options.kernels = {"experts/first", "experts/second", "dense/first", "dense/second"};
    options.shape = model::gpt_oss_20b();
    options.shape.layers = SlowRunner::kLayers;
    options.shape.vocabulary = test::ScriptedRunner::kVocabulary;
    options.most_s = most_s;
    options.seconds = [&] { return runner.now_s; };
    Staged staged;
    staged.result = qualify_kernels(
        options, runner, [](const std::string&) {},
        [&](const KernelStageResult& so_far) { staged.so_far.push_back(so_far); });
    staged.took_s = runner.now_s - 100;
    return staged;
}

const Finding* finding(const KernelStageResult& result, std::string_view name) {
    const auto found = std::ranges::find(result.findings, name, &Finding::name);
    return found == result.findings.end() ? nullptr : &*found;
}

bool has_failed(const KernelStageResult& result) {
    return std::ranges::any_of(result.findings,
                               [](const Finding& each) { return each.verdict == Verdict::failed; });
}

TEST(StageTime, ShortOrLongItIsKept) {
    const Pace pace{.of_reference_s = 1e-3, .of_request_s = 1};
    const Staged whole = staged(pace, 0);
    EXPECT_GT(whole.took_s, 60);
    EXPECT_FALSE(whole.result.was_short);
    EXPECT_EQ(finding(whole.result, "steps"), nullptr);
    EXPECT_EQ(finding(whole.result, "layer by layer")->detail.find("no time"), std::string::npos);
    for (const double most_s : {20.0, 40.0, 80.0, 1000.0}) {
        const Staged some = staged(pace, most_s);
        EXPECT_LE(some.took_s, most_s) << most_s;
        EXPECT_FALSE(has_failed(some.result)) << most_s;
        EXPECT_TRUE(some.result.decided);
        EXPECT_EQ(some.result.was_short, most_s < 1000);
        EXPECT_EQ(finding(some.result, "experts/first")->verdict, Verdict::passed);
    }
    EXPECT_NE(finding(staged(pace, 20).result, "steps"), nullptr);
    EXPECT_EQ(staged(pace, 1000).took_s, whole.took_s);
}

TEST(StageTime, ASlowReferenceLeavesStepsOutAndAWrongKernelIsStillFound) {
    const Staged some = staged({.of_reference_s = 0.02, .of_request_s = 0.1}, 60, "experts/second");
    EXPECT_EQ(some.result.choice.banned, std::vector<std::string>{"experts/second"});
    ASSERT_NE(finding(some.result, "steps"), nullptr);
    EXPECT_EQ(finding(some.result, "steps")->verdict, Verdict::skipped);
    EXPECT_LE(some.took_s, 60);
}

TEST(StageTime, WhereNotEveryKernelCouldBeTriedNothingIsDecided) {
    const Staged some = staged({.of_request_s = 10}, 25);
    EXPECT_FALSE(some.result.decided);
    ASSERT_NE(finding(some.result, "no time to try kernels"), nullptr);
    EXPECT_TRUE(has_failed(some.result));
    EXPECT_TRUE(some.result.choice.banned.empty());
}

// Every kernel was banned, nothing was left to check them with, and the machine was called fit.
TEST(StageTime, WhereAllAreBannedThereIsTimeToSayThatNoneIsRight) {
    for (const double most_s : {6.0, 10.0, 1000.0}) {
        const Staged some = staged({.of_request_s = 1}, most_s, "all");
        EXPECT_EQ(some.result.choice.banned.size(), 4U);
        EXPECT_NE(finding(some.result, "no right kernel"), nullptr) << most_s;
        EXPECT_TRUE(has_failed(some.result)) << most_s;
    }
}

TEST(StageTime, WhatIsKnownIsToldAsItGrows) {
    const Staged some = staged({}, 0, "dense/second");
    ASSERT_GT(some.so_far.size(), 8U);
    const Finding* first = finding(some.so_far.front(), "dense/first");
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(first->detail, "right so far, 1 slices");
    EXPECT_EQ(some.so_far.front().findings.size(), 1U);
    EXPECT_EQ(finding(some.so_far[1], "dense/second")->detail.find("wrong so far"), 0U);
    EXPECT_EQ(some.so_far.back().findings.size(), some.result.findings.size());
}

}  // namespace
}  // namespace gptoss::qualify

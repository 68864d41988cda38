// Which kernels are preferred for their times, and where those of a split model are tried.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "qualify/kernel_stage.h"
#include "qualify/scripted_runner.h"

namespace gptoss::qualify {
namespace {

using test::ScriptedRunner;

KernelStageOptions options_with(std::vector<std::string> kernels) {
    KernelStageOptions options;
    options.device = "cuda";
    options.kernels = std::move(kernels);
    options.shape = model::gpt_oss_20b();
    options.shape.layers = 8;
    options.shape.vocabulary = ScriptedRunner::kVocabulary;
    return options;
}

KernelStageResult staged(const KernelStageOptions& options, ProbeRunner& runner) {
    return qualify_kernels(options, runner, [](const std::string&) {});
}

// The own choice is "first", whatever the step.
std::string in_force(const std::string& forced) {
    return forced.empty() ? "experts/first" : forced;
}

const std::vector<Probe> kTimed = {{1, 1, 1024},  {2, 1, 1024},   {4, 1, 1024},   {8, 1, 1024}, {16, 1, 1024},
                                   {64, 1, 1024}, {256, 1, 1024}, {512, 1, 1024}, {1, 1024, 0}, {1, 2048, 0}};

TEST(KernelTiming, TheChoiceIsNeverTwoPercentSlowerThanTheBest) {
    for (unsigned seed = 0; seed < 10; ++seed) {
        std::mt19937 random(seed);
        std::map<std::pair<std::string, std::string>, double> ms;
        ScriptedRunner runner([&](const std::string& kernel, const Probe& probe, int) {
            auto& time = ms[{in_force(kernel), probe.name()}];
            if (time == 0) time = 1 + static_cast<double>(random() % 1000) / 5000;
            return time;
        });
        const KernelStageResult result =
            staged(options_with({"experts/first", "experts/second", "experts/third"}), runner);
        for (const Probe& probe : kTimed) {
            const auto preferred = result.choice.preferred_kernel("experts", probe.step_tokens());
            const std::string chosen = "experts/" + (preferred.empty() ? "first" : std::string(preferred));
            double best = 1e9;
            for (const char* kernel : {"experts/first", "experts/second", "experts/third"})
                best = std::min(best, ms.at({kernel, probe.name()}));
            EXPECT_LE(ms.at({chosen, probe.name()}), 1.0201 * best) << probe.name() << ", seed " << seed;
        }
    }
}

// On a model with random weights a token that rounding sends to another expert takes those along that look back at it.
TEST(KernelStage, ASmallErrorIsAFaultWhenThreeInputsShowIt) {
    const auto banned_with = [](float logit, std::int32_t inputs) {
        ScriptedRunner runner([](const std::string&, const Probe&, int) { return 1.0; });
        runner.logit_of = [&](const std::string& kernel, const Probe& probe) {
            return kernel == "experts/second" && probe.tokens == 129 && probe.input < inputs ? logit : 1.0F;
        };
        return staged(options_with({"experts/first", "experts/second"}), runner).choice.banned;
    };
    const std::vector<std::string> second = {"experts/second"};
    EXPECT_TRUE(banned_with(1.02F, 1).empty());
    EXPECT_TRUE(banned_with(1.02F, 2).empty());
    EXPECT_EQ(banned_with(1.02F, 3), second);
    EXPECT_TRUE(banned_with(1.5F, 1).empty())
        << "one row of nine went to other experts in a model of four layers";
    EXPECT_EQ(banned_with(1.5F, 3), second);
    EXPECT_EQ(banned_with(3, 1), second) << "no rounding makes so large an error";
}

// The reference of all steps takes most of the time, and kernels are the same in every layer.
TEST(KernelStage, LayersOnWhichNoKernelWasTriedAreCheckedWithFewSteps) {
    ScriptedRunner runner([](const std::string&, const Probe&, int) { return 1.0; });
    KernelStageOptions options = options_with({"experts/first", "experts/second"});
    options.slices_of_each_kernel = 1;
    const KernelStageResult result = staged(options, runner);
    std::map<std::int32_t, std::size_t> steps;  // by first layer, of the reference
    std::set<std::int32_t> at_the_last_position;
    for (const ProbeRequest& request : runner.requests)
        if (request.exact && !request.layers.empty()) {
            steps[request.layers.first] += request.probes.size();
            for (const Probe& probe : request.probes)
                if (probe.step_tokens() == 8 &&
                    probe.depth == options.shape.context_length - model::kBlockTokens)
                    at_the_last_position.insert(request.layers.first);
        }
    EXPECT_EQ(at_the_last_position.size(), 4U);
    ASSERT_EQ(steps.size(), 4U);
    for (const std::int32_t first : {2, 4, 6}) {
        EXPECT_GT(steps[first], 8U);
        EXPECT_LT(2 * steps[first], steps[0]);
    }
}

// Kernels that are timed a second time: "faster" only the first time, or both times.
KernelStageResult with_luck(const std::string& operation, bool twice) {
    const std::string second = operation + "/second";
    int seen = 0;
    ScriptedRunner runner([&](const std::string& kernel, const Probe& probe, int) {
        if (kernel != second || probe.depth != 1024) return 1.0;
        return ++seen <= 8 || twice ? 0.5 : 1.0;
    });
    // Only timing asks for these alone; what is tried before that is not counted.
    KernelStageOptions options = options_with({operation + "/first", second});
    options.slices_of_each_kernel = 0;
    return staged(options, runner);
}

TEST(KernelTiming, OneLuckyRunIsNoReason) {
    for (const char* operation : {"experts", "cpu"}) {
        EXPECT_TRUE(with_luck(operation, false).choice.preferred.empty()) << operation;
        EXPECT_EQ(with_luck(operation, true).choice.preferred_kernel(operation, 8), "second") << operation;
    }
}

// Steps of a small model: a kernel that is never used was "faster" twice, as the own choice was the second time.
TEST(KernelTiming, WhatTheOwnChoiceVariesByIsNoReason) {
    int own = 0;
    ScriptedRunner runner([&](const std::string& kernel, const Probe& probe, int) {
        if (probe != kTimed.front()) return 1.0;
        return kernel.empty() && own++ < 2 ? 1.1 : 1.0;
    });
    KernelStageOptions options = options_with({"experts/first", "experts/second"});
    options.slices_of_each_kernel = 0;
    EXPECT_TRUE(staged(options, runner).choice.preferred.empty());
}

// A card that grows warm, and steps that vary: kernels that ran nowhere were "faster" by 4 to 11 %.
TEST(KernelTiming, DriftAndNoiseAreNoReasonAndAKernelThatDoesNotRunHasNoTime) {
    for (unsigned seed = 0; seed < 20; ++seed) {
        std::mt19937 random(seed);
        std::normal_distribution<double> noise(1, 0.004);
        // "second" runs in prompts alone, and is 5 % faster there; decode steps after them find a cooler card.
        ScriptedRunner runner([&](const std::string& kernel, const Probe&, int request) {
            const double drift = 1 - 0.0015 * std::min(request, 100);
            return drift * noise(random) * (kernel == "dense/second" ? 0.95 : 1.0);
        });
        KernelStageOptions options = options_with({"dense/first", "dense/second"});
        options.slices_of_each_kernel = 0;
        options.step_text = [](const backend::KernelChoice& kernels, std::int32_t, std::int32_t tokens,
                               std::int32_t) {
            return tokens > 1 ? std::string(kernels.preferred_kernel("dense", tokens)) : "decode";
        };
        const backend::KernelChoice choice = staged(options, runner).choice;
        EXPECT_EQ(choice.preferred_kernel("dense", 1024), "second") << seed;
        for (const backend::KernelPreference& each : choice.preferred) {
            EXPECT_EQ(each.kernel, "dense/second") << seed;
            EXPECT_GE(each.tokens_from, 1024) << seed;
        }
    }
}

// GPU_LAYERS: the first layers are the CPU's, and its kernels are tried on them alone.
TEST(KernelStageOfASplitModel, TriesEachDeviceOnItsOwnLayers) {
    KernelStageOptions options = options_with({"experts/first", "cpu/avx2", "cpu/portable"});
    options.gpu_layers = 5;  // layers 3 to 7: the cut parts layers 2 and 3
    ScriptedRunner runner([](const std::string&, const Probe&, int) { return 1.0; }, "cpu/avx2");
    const KernelStageResult result = staged(options, runner);
    EXPECT_EQ(result.choice.banned, std::vector<std::string>{"cpu/avx2"});
    std::vector<model::LayerRange> on_cpu, on_gpu;
    for (const ProbeRequest& request : runner.requests) {
        if (request.exact || request.layers.empty()) continue;
        EXPECT_EQ(request.gpu_layers, 5);
        if (!request.kernels.preferred.empty()) {
            const bool cpu_kernel = request.kernels.preferred.front().kernel.starts_with("cpu/");
            EXPECT_EQ(request.device == "cpu", cpu_kernel);
        }
        auto& seen = request.device == "cpu" ? on_cpu : on_gpu;
        if (std::ranges::find(seen, request.layers) == seen.end()) seen.push_back(request.layers);
    }
    const auto by_first = [](const model::LayerRange& range) { return range.first; };
    std::ranges::sort(on_cpu, {}, by_first);
    std::ranges::sort(on_gpu, {}, by_first);
    EXPECT_EQ(on_cpu, (std::vector<model::LayerRange>{{0, 2}, {2, 4}}));
    EXPECT_EQ(on_gpu, (std::vector<model::LayerRange>{{2, 4}, {4, 6}, {6, 8}}));
    EXPECT_EQ(runner.requests.back().device, "cuda") << "the whole model is computed as it is served";
}

}  // namespace
}  // namespace gptoss::qualify

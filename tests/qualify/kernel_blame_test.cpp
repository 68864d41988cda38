// A kernel computes beside others. Which of them is wrong, by the plan that an H200 computes with.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "backend/cuda/plan/execution_plan.h"
#include "base/error.h"
#include "qualify/kernel_stage.h"

namespace gptoss::qualify {
namespace {

using Kernels = std::set<std::string>;
using IsWrong = std::function<bool(const Probe&)>;

constexpr std::int32_t kVocabulary = 2;

bool always(const Probe&) {
    return true;
}

backend::cuda::PlanOptions plan_options(const backend::KernelChoice& kernels = {}) {
    backend::cuda::PlanOptions options;
    options.shape = model::gpt_oss_20b();
    options.kernels = kernels;
    return options;
}

// Every kernel that a step is computed with.
Kernels kernels_of(const Probe& probe, const backend::KernelChoice& choice) {
    using namespace backend::cuda;
    const std::int32_t tokens = probe.step_tokens();
    const ExecutionPlan plan =
        make_plan({tokens, probe.depth + probe.tokens, 1, 0}, card_named("h200"), plan_options(choice));
    if (plan.pass == Pass::decode) return {"pass/decode"};
    Kernels all = {"pass/batched"};
    for (const MatrixPlan& dense : {plan.qkv, plan.output, plan.lm_head})
        all.insert(std::string("dense/") + name_of(dense.kernel));
    all.insert(std::string("experts/") + name_of(plan.experts.kernel));
    if (probe.tokens > 1) all.insert(plan.attention_uses_wgmma ? "attention/wgmma" : "attention/mma");
    return all;
}

// Logits are 1, or 2 when a wrong kernel took part.
class PlannedRunner final : public ProbeRunner {
  public:
    explicit PlannedRunner(std::map<std::string, IsWrong> wrong) : wrong_(std::move(wrong)) {}

    ProbeReply run(const ProbeRequest& request) override {
        ProbeReply reply;
        try {
            for (const Probe& probe : request.probes) {
                float logit = 1;
                if (!request.exact)
                    for (const std::string& kernel : kernels_of(probe, request.kernels))
                        if (wrong_.contains(kernel) && wrong_.at(kernel)(probe)) logit = 2;
                reply.outcomes.push_back({std::vector<float>(kVocabulary, logit), true, 1});
            }
        } catch (const Error& error) {
            reply.outcomes.clear();
            reply.problem = error.what();
        }
        return reply;
    }

  private:
    std::map<std::string, IsWrong> wrong_;
};

KernelStageResult qualify_on(ProbeRunner& runner) {
    KernelStageOptions options;
    options.device = "cuda";
    options.shape = model::gpt_oss_20b();
    options.shape.layers = 2;
    options.shape.vocabulary = kVocabulary;
    options.kernels = backend::cuda::kernel_names(backend::cuda::card_named("h200"), plan_options());
    return qualify_kernels(options, runner, [](const std::string&) {});
}

KernelStageResult qualify_with(std::map<std::string, IsWrong> wrong) {
    PlannedRunner runner(std::move(wrong));
    return qualify_on(runner);
}

Kernels banned(const KernelStageResult& result) {
    return {result.choice.banned.begin(), result.choice.banned.end()};
}

bool is_fit(const KernelStageResult& result) {
    return std::ranges::none_of(result.findings,
                                [](const Finding& each) { return each.verdict == Verdict::failed; });
}

TEST(KernelBlame, OneWrongKernelIsBannedAndNoOther) {
    for (const std::string& kernel :
         backend::cuda::kernel_names(backend::cuda::card_named("h200"), plan_options())) {
        if (kernel == "pass/batched") continue;
        const KernelStageResult result = qualify_with({{kernel, always}});
        EXPECT_EQ(banned(result), Kernels{kernel});
        EXPECT_TRUE(is_fit(result)) << kernel;
    }
}

TEST(KernelBlame, AKernelThatHandsOnWhatItCannotComputeIsNotBlamed) {
    const KernelStageResult result =
        qualify_with({{"experts/wgmma", [](const Probe& probe) { return probe.step_tokens() == 2048; }}});
    EXPECT_EQ(banned(result), Kernels{"experts/wgmma"});
    EXPECT_TRUE(is_fit(result));
}

TEST(KernelBlame, AllKernelsOfOneInstructionAreBannedAndNoOther) {
    const Kernels of_wgmma = {"attention/wgmma", "dense/wgmma", "dense/wgmma_cluster", "experts/wgmma"};
    std::map<std::string, IsWrong> wrong;
    for (const std::string& kernel : of_wgmma) wrong[kernel] = always;
    KernelStageResult result = qualify_with(wrong);
    EXPECT_EQ(banned(result), of_wgmma);
    EXPECT_TRUE(is_fit(result));

    wrong["pass/decode"] = always;
    result = qualify_with(wrong);
    EXPECT_EQ(banned(result).size(), of_wgmma.size() + 1);
    EXPECT_TRUE(is_fit(result));
}

TEST(KernelBlame, WithoutTheBatchedPassAllIsComputedByTheOther) {
    const KernelStageResult result = qualify_with({{"pass/batched", always}});
    EXPECT_EQ(banned(result), Kernels{"pass/batched"});
    EXPECT_TRUE(is_fit(result));
    EXPECT_TRUE(std::ranges::any_of(result.findings, [](const Finding& each) {
        return each.name == "experts/mma" && each.verdict == Verdict::skipped;
    }));
}

// Beside a running node. What no kernel could be tried for says nothing about kernels, the next time either.
TEST(KernelBlame, WithoutRoomNothingIsBannedAndNothingDecided) {
    class FullCard final : public ProbeRunner {
      public:
        ProbeReply run(const ProbeRequest& request) override {
            if (request.exact) return right_.run(request);
            return {{}, {}, "6 GB are needed, 1 GB is free", true};
        }

      private:
        PlannedRunner right_{{}};
    };
    FullCard card;
    const KernelStageResult result = qualify_on(card);
    EXPECT_TRUE(result.choice.banned.empty());
    EXPECT_FALSE(result.decided);
    EXPECT_FALSE(is_fit(result));
}

TEST(KernelBlame, BothPassesWrongIsNotFit) {
    EXPECT_FALSE(is_fit(qualify_with({{"pass/batched", always}, {"pass/decode", always}})));
}

}  // namespace
}  // namespace gptoss::qualify

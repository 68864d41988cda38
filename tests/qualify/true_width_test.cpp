// Two layers of true width with random weights through the whole kernel stage, on the CPU: `./test long`. Only the
// vocabulary is smaller, since the head's rows are all alike.
#include <gtest/gtest.h>

#include <cstdlib>

#include "backend/kernel_choice.h"
#include "base/error.h"
#include "model/synthetic.h"
#include "qualify/kernel_stage.h"
#include "qualify/probe_computer.h"

namespace gptoss::qualify {
namespace {

class InProcess final : public ProbeRunner {
  public:
    explicit InProcess(const model::Weights& weights) : weights_(weights) {}
    ProbeReply run(const ProbeRequest& request) override {
        try {
            return compute_probes(request, weights_);
        } catch (const Error& error) {
            return {{}, {}, error.what()};
        }
    }

  private:
    const model::Weights& weights_;
};

class TrueWidth : public testing::TestWithParam<const char*> {};

TEST_P(TrueWidth, EveryKernelOfTheProcessorIsRight) {
    if (std::getenv("GPTOSS_LONG") == nullptr) GTEST_SKIP() << "it takes minutes: ./test long";
    KernelStageOptions options;
    options.shape = std::string(GetParam()) == "120b" ? model::gpt_oss_120b() : model::gpt_oss_20b();
    options.shape.layers = 2;
    options.shape.vocabulary = 2048;
    options.device = "cpu";
    options.kernels = backend::cpu_kernel_names();
    options.most_tokens = 160;
    options.most_deep_tokens = 16;
    options.slices_of_each_kernel = 1;
    const model::SyntheticModel model(options.shape);
    InProcess runner(model.weights());
    const KernelStageResult result = qualify_kernels(options, runner, [](const std::string& what) {
        std::printf("%s\n", what.c_str());
        std::fflush(stdout);
    });
    for (const Finding& each : result.findings)
        std::printf("%s %s: %s\n", std::string(to_text(each.verdict)).c_str(), each.name.c_str(),
                    each.detail.c_str());
    EXPECT_TRUE(result.choice.banned.empty());
    for (const Finding& each : result.findings) EXPECT_NE(each.verdict, Verdict::failed) << each.detail;
    EXPECT_FALSE(result.figures.empty());
}

INSTANTIATE_TEST_SUITE_P(Each, TrueWidth, testing::Values("20b", "120b"),
                         [](const auto& given) { return "Of" + std::string(given.param); });

}  // namespace
}  // namespace gptoss::qualify

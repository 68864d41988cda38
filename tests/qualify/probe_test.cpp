#include "qualify/probe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "../node/two_halves.h"
#include "backend/devices/devices.h"
#include "qualify/judge.h"
#include "qualify/probe_computer.h"
#include "qualify/small_model.h"

namespace gptoss::qualify {
namespace {

TEST(Probes, ReachTheLastPositionAndBothSidesOf65536) {
    const model::Hyperparameters shape = model::gpt_oss_120b();
    const std::vector<Probe> probes = probes_for(shape, 2048, 128);
    const auto reaches = [&](std::int32_t depth) {
        return std::ranges::any_of(probes, [&](const Probe& probe) { return probe.depth == depth; });
    };
    EXPECT_TRUE(reaches(65'472));
    EXPECT_TRUE(reaches(66'048));
    EXPECT_TRUE(std::ranges::any_of(
        probes, [&](const Probe& probe) { return probe.depth + probe.tokens == shape.context_length; }));
    for (const Probe& probe : probes) {
        EXPECT_LE(probe.step_tokens(), 2048);
        EXPECT_LE(probe.depth + probe.tokens, shape.context_length);
        EXPECT_EQ(probe.depth % model::kBlockTokens, 0);
    }
}

// Of one row nobody could say whether a kernel is wrong or two experts are nearly equal: all kernels of a GPU were banned on a
// model with random weights.
TEST(Probes, EachIsJudgedByFiveRowsOrMore) {
    for (const Probe& probe : probes_for(model::gpt_oss_120b(), 8192, 128)) {
        EXPECT_GE(probe.sequences * probe.rows_of_sequence() * probe.draws(), 5) << probe.name();
        EXPECT_LE(probe.rows_of_sequence(), probe.tokens) << probe.name();
    }
    const model::SyntheticModel model(test::small_shape());
    ProbeRequest request;
    request.device = "cpu";
    request.probes = {{1, 1, 0}, {1, 33, 0}};
    for (const ProbeOutcome& outcome : compute_probes(request, model.weights()).outcomes) {
        const auto vocabulary = static_cast<std::size_t>(test::small_shape().vocabulary);
        ASSERT_EQ(outcome.logits.size(), 8 * vocabulary);
        for (std::size_t row = 1; row < 8; ++row)
            EXPECT_FALSE(std::equal(outcome.logits.begin(),
                                    outcome.logits.begin() + test::small_shape().vocabulary,
                                    outcome.logits.begin() + row * vocabulary))
                << "row " << row << " is the first again";
    }
}

TEST(Probes, AShortContextHasNoDeepProbes) {
    model::Hyperparameters shape = model::gpt_oss_20b();
    shape.context_length = 4096;
    for (const Probe& probe : probes_for(shape, 512, 16)) EXPECT_LE(probe.depth + probe.tokens, 4096);
}

TEST(Probes, TheFastPathIsRightAndRepeatable) {
    const model::SyntheticModel model(test::small_shape());
    ProbeRequest request;
    request.device = "cpu";
    request.probes = {{1, 1, 0}, {8, 1, 1024}, {1, 129, 0}, {1, 1, 66'496}};
    const ProbeReply fast = compute_probes(request, model.weights());
    request.exact = true;
    const ProbeReply exact = compute_probes(request, model.weights());
    for (std::size_t i = 0; i < request.probes.size(); ++i)
        EXPECT_EQ(judge(fast.outcomes[i], exact.outcomes[i], test::small_shape().vocabulary,
                        tolerance_for("cpu", model::KvType::bf16, true))
                      .fault,
                  "")
            << request.probes[i].name();
}

// GPU_LAYERS without a GPU: the upper layer by another backend of the CPU.
TEST(Probes, AModelInTwoHalvesIsRightAndRepeatable) {
    const model::SyntheticModel model(test::small_shape());
    const model::Weights& weights = model.weights();
    const std::vector<Probe> probes = {{1, 1, 0}, {8, 1, 1024}, {1, 33, 0}};
    model::PlanRequest plan_request = plan_request_for(probes, weights.hyperparameters, model::KvType::bf16);
    plan_request.gpu_layers = 1;
    const backend::DeviceNeeds needs = backend::device_needs("cpu", weights, plan_request);
    backend::BackendOptions options;
    options.threads = 1;
    options.plan = model::plan(weights.hyperparameters, plan_request, 0, needs.workspace_bytes, 0);
    const auto split = node::make_in_two_halves(weights, options);
    const auto outcomes = run_probes(*split, options.plan, weights.hyperparameters, probes);
    ProbeRequest exact;
    exact.device = "cpu";
    exact.exact = true;
    exact.probes = probes;
    const ProbeReply right = compute_probes(exact, weights);
    for (std::size_t i = 0; i < probes.size(); ++i)
        EXPECT_EQ(judge(outcomes[i], right.outcomes[i], test::small_shape().vocabulary,
                        tolerance_for("cpu", model::KvType::bf16, true))
                      .fault,
                  "")
            << probes[i].name();
}

TEST(Probes, ASliceIsTheModelsOwnLayers) {
    const model::SyntheticModel model(test::small_shape());
    const model::Weights slice = slice_of(model.weights(), 0, 1);
    EXPECT_EQ(slice.hyperparameters.layers, 1);
    ASSERT_EQ(slice.layers.size(), 1U);
    EXPECT_EQ(slice.layers[0].gate.tensor, model.weights().layers[0].gate.tensor);
}

TEST(Probes, ARequestSurvivesItsJson) {
    ProbeRequest request;
    request.model = "model.gguf";
    request.device = "cuda";
    request.kernels = {{"experts/mma"}, {{"dense/wgmma", 3, 9}}};
    request.layers = {4, 6};
    request.gpu_ordinal = 1;
    request.kv_types = model::KvType::f16;
    request.probes = {{8, 1, 64}, {1, 200, 0, 2, 40}};
    const ProbeRequest again = probe_request_from_json(to_json(request));
    EXPECT_EQ(to_json(again), to_json(request));
    EXPECT_EQ(again.kernels, request.kernels);
    EXPECT_EQ(again.layers, request.layers);
    EXPECT_EQ(again.probes, request.probes);
    EXPECT_EQ(again.gpu_ordinal, 1);
}

TEST(Judge, SaysWhatIsWrong) {
    ProbeOutcome right;
    for (int i = 0; i < 64; ++i) right.logits.push_back(static_cast<float>(i % 7) - 3);
    const Tolerance tolerance = tolerance_for("cuda", model::KvType::f16, false);
    EXPECT_EQ(judge(right, right, 32, tolerance).fault, "");
    ProbeOutcome wrong = right;
    wrong.logits[40] = std::numeric_limits<float>::infinity();
    EXPECT_EQ(judge(wrong, right, 32, tolerance).fault, "not a number in 1 of 2 rows");
    wrong = right;
    for (float& logit : wrong.logits) logit *= 1.02F;
    EXPECT_NE(judge(wrong, right, 32, tolerance).fault.find("logits are 0.02"), std::string::npos);
    const ProbeOutcome nothing{std::vector<float>(64, 0.0F)};
    EXPECT_EQ(judge(nothing, nothing, 32, tolerance).fault, "") << "weights may be zero";
    EXPECT_NE(judge(right, nothing, 32, tolerance).fault, "");
    const ProbeOutcome no_number{std::vector<float>(64, std::nanf(""))};
    EXPECT_NE(judge(right, no_number, 32, tolerance).fault, "");
    wrong = right;
    wrong.repeatable = false;
    EXPECT_NE(judge(wrong, right, 32, tolerance).fault, "");
}

TEST(Judge, AFewRowsMayGoToAnotherExpert) {
    constexpr int kRows = 8, kVocabulary = 32;
    ProbeOutcome right;
    for (int i = 0; i < kRows * kVocabulary; ++i) right.logits.push_back(static_cast<float>(i % 7) - 3);
    const Tolerance tolerance = tolerance_for("cuda", model::KvType::f16, false);
    const auto with_wrong_rows = [&](int rows, float by) {
        ProbeOutcome outcome = right;
        for (int i = 0; i < rows * kVocabulary; ++i) outcome.logits[i] *= by;
        return judge(outcome, right, kVocabulary, tolerance).fault;
    };
    EXPECT_EQ(with_wrong_rows(3, 1.05F), "");
    EXPECT_NE(with_wrong_rows(5, 1.05F), "");
    EXPECT_NE(with_wrong_rows(1, 1.5F), "") << "that is no other expert";
}

}  // namespace
}  // namespace gptoss::qualify

// Faults planted into one kernel, each caught, named and never chosen.
#include "qualify/kernel_stage.h"

#include <gtest/gtest.h>

#include <map>

#include "backend/devices/devices.h"
#include "qualify/faulty_backend.h"
#include "qualify/small_model.h"

namespace gptoss::qualify {
namespace {

using test::Fault;

// Computes here, with a fault in some kernels. A kernel's name says nothing to the CPU that computes.
class FaultyRunner final : public ProbeRunner {
  public:
    explicit FaultyRunner(std::map<std::string, Fault> faults) : faults_(std::move(faults)) {}

    ProbeReply run(const ProbeRequest& request) override {
        // The float32 reference takes most of the time, has no faults and is the same in every test.
        static std::map<std::string, ProbeReply> references;
        try {
            if (!request.exact) return compute(request);
            ProbeReply& kept = references[to_json(request).dump()];
            if (kept.outcomes.empty()) kept = compute(request);
            return kept;
        } catch (const Error& error) {
            return {{}, {}, error.what()};
        }
    }

  private:
    // The kernel in force: the preferred one, or the first that is not banned.
    std::string kernel_of(const ProbeRequest& request) const {
        for (const auto& preference : request.kernels.preferred)
            if (!request.kernels.bans(preference.kernel)) return preference.kernel;
        for (const char* kernel : {"experts/first", "experts/second"})
            if (!request.kernels.bans(kernel)) return kernel;
        throw Error(ErrorCode::device_failed, "all are banned");
    }

    ProbeReply compute(const ProbeRequest& request) {
        const bool sliced = !request.layers.empty();
        const model::Weights weights = sliced ? slice_of(model_.weights(), request.layers.first,
                                                         request.layers.end - request.layers.first)
                                              : model_.weights();
        const model::PlanRequest plan_request =
            plan_request_for(request.probes, weights.hyperparameters, request.kv_types);
        const backend::DeviceNeeds needs = backend::device_needs("cpu", weights, plan_request);
        backend::BackendOptions options;
        options.plan = model::plan(weights.hyperparameters, plan_request, 0, needs.workspace_bytes, 0);
        options.exact = request.exact;
        options.threads = 1;
        Fault fault = Fault::none;
        if (!request.exact)
            if (const auto found = faults_.find(kernel_of(request)); found != faults_.end())
                fault = found->second;
        test::FaultyBackend backend(backend::make_backend("cpu", weights, options), fault);
        return {"faulty",
                run_probes(backend, options.plan, weights.hyperparameters, request.probes, {request.passes}),
                {}};
    }

    model::SyntheticModel model_{test::small_shape()};
    std::map<std::string, Fault> faults_;
};

KernelStageResult qualify_with(std::map<std::string, Fault> faults) {
    KernelStageOptions options;
    options.device = "cpu";
    options.kernels = {"experts/first", "experts/second"};
    options.shape = test::small_shape();
    options.most_tokens = 200;
    options.most_deep_tokens = 16;
    options.slices_of_each_kernel = 1;
    FaultyRunner runner(std::move(faults));
    return qualify_kernels(options, runner, [](const std::string&) {});
}

const Finding* finding(const KernelStageResult& result, std::string_view name) {
    for (const Finding& each : result.findings)
        if (each.name == name) return &each;
    return nullptr;
}

bool has_failed(const KernelStageResult& result) {
    return std::ranges::any_of(result.findings,
                               [](const Finding& each) { return each.verdict == Verdict::failed; });
}

TEST(KernelStage, RightKernelsPassAndNothingIsBanned) {
    const KernelStageResult result = qualify_with({});
    EXPECT_FALSE(has_failed(result));
    EXPECT_TRUE(result.choice.banned.empty());
    ASSERT_NE(finding(result, "whole model"), nullptr);
    EXPECT_EQ(finding(result, "whole model")->verdict, Verdict::passed);
    EXPECT_FALSE(result.figures.empty());
}

class PlantedFault : public testing::TestWithParam<std::pair<Fault, const char*>> {};

TEST_P(PlantedFault, IsCaughtNamedAndNeverServed) {
    const auto& [fault, words] = GetParam();
    const KernelStageResult result = qualify_with({{"experts/first", fault}});
    ASSERT_EQ(result.choice.banned, std::vector<std::string>{"experts/first"});
    const Finding* found = finding(result, "experts/first");
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->verdict, Verdict::avoided);
    EXPECT_NE(found->detail.find(words), std::string::npos) << found->detail;
    EXPECT_FALSE(has_failed(result)) << "the second kernel does its work";
}

INSTANTIATE_TEST_SUITE_P(Each, PlantedFault,
                         testing::Values(std::pair(Fault::wrong_lane, "from the reference"),
                                         std::pair(Fault::race, "again gave other bits"),
                                         std::pair(Fault::wrong_at_one_size, "129 tokens"),
                                         std::pair(Fault::wrong_when_deep, "at 660"),
                                         std::pair(Fault::stale_workspace, "again gave other bits"),
                                         std::pair(Fault::rare_not_a_number, "not a number"),
                                         std::pair(Fault::wrong_keys, "200 tokens, 1 at a time: "),
                                         std::pair(Fault::driver_fails, "illegal memory access")));

TEST(KernelStage, WhereEveryKernelIsWrongTheDeviceFails) {
    const KernelStageResult result =
        qualify_with({{"experts/first", Fault::wrong_lane}, {"experts/second", Fault::rare_not_a_number}});
    EXPECT_EQ(result.choice.banned.size(), 2U);
    ASSERT_NE(finding(result, "no right kernel"), nullptr);
    EXPECT_EQ(finding(result, "no right kernel")->verdict, Verdict::failed);
}

TEST(KernelStage, ASlowKernelIsNamedAndItsSiblingPreferred) {
    const KernelStageResult result = qualify_with({{"experts/first", Fault::slow}});
    EXPECT_TRUE(result.choice.banned.empty());
    EXPECT_EQ(result.choice.preferred_kernel("experts", 1), "second");
    EXPECT_TRUE(std::ranges::any_of(result.findings, [](const Finding& each) {
        return each.verdict == Verdict::avoided && each.name.find("experts/second preferred") == 0;
    }));
}

}  // namespace
}  // namespace gptoss::qualify

// The published 120b's true header over holes: what `qualify` does before it needs a weight's value.
#include <gtest/gtest.h>

#include <algorithm>

#include "backend/cuda/plan/execution_plan.h"
#include "backend/devices/devices.h"
#include "backend/gpu_cards.h"
#include "qualify/known_speeds.h"
#include "qualify/qualify.h"
#include "support/published_120b.h"
#include "support/temporary_folder.h"

namespace gptoss::qualify {
namespace {

TEST(Published120bStandIn, IsPlannedProbedAndComparedLikeTheRelease) {
    const auto part_1 = test::published_120b_part_1();
    if (!part_1) GTEST_SKIP() << "scripts/fetch-o200k.sh has not been run";
    const test::TemporaryFolder folder;
    const auto path = test::write_published_120b(folder.path(), *part_1);
    const gguf::File file = gguf::File::open(path);
    const model::Weights weights = model::find_weights(file);
    const model::Hyperparameters& shape = weights.hyperparameters;

    QualifyOptions options;
    options.model = path.string();
    options.decision_path = folder.path() / "qualification.json";
    EXPECT_FALSE(earlier_decision(options));
    node::save_decision(options.decision_path, {node::decision_subject("cpu", "", file), {}, true, {}});
    EXPECT_TRUE(earlier_decision(options)) << "it is known again by its tensors";

    EXPECT_EQ(backend::kernel_names("cpu", weights), backend::cpu_kernel_names());
    backend::cuda::PlanOptions kernels;
    kernels.shape = shape;
    const auto names = backend::cuda::kernel_names(backend::cuda::card_named("rtx-pro-6000"), kernels);
    EXPECT_NE(std::ranges::find(names, "experts/streamed_tiles_small"), names.end());

    // Every probe of two layers, and the whole model as it is timed, have room on the first target.
    const std::vector<Probe> probes = probes_for(shape, 2048, 128);
    EXPECT_TRUE(std::ranges::any_of(
        probes, [&](const Probe& probe) { return probe.depth + probe.tokens == 131'072; }));
    for (const std::int32_t layers : {2, shape.layers}) {
        const model::Weights slice = slice_of(weights, shape.layers - layers, layers);
        const model::PlanRequest request =
            plan_request_for(probes, slice.hyperparameters, model::KvType::bf16);
        const backend::DeviceNeeds needs =
            backend::needs_of_card("pro6000", slice.hyperparameters, request, 0);
        const model::MemoryPlan plan = model::plan(slice.hyperparameters, request, needs.weight_bytes,
                                                   needs.workspace_bytes, needs.runtime_bytes, needs.host);
        EXPECT_TRUE(plan.fits(needs.free_bytes)) << model::to_table(plan, needs.free_bytes);
    }

    Report report;
    report.device = "NVIDIA H200";
    report.figures = {{"step of 1 token at 1024", "tok/s", 600, 0, true}};
    compare_with_known_cards(shape, report);
    EXPECT_GT(report.figures[0].bound, 0);
}

}  // namespace
}  // namespace gptoss::qualify

// The experts' products of one or two rows, which choose the experts and normalise the rows themselves, have the bits of the
// kernels that do it for more rows.
#include "backend/cuda/routed_rows.h"

namespace gptoss::backend::cuda::test {
namespace {

class FewRows : public backend::test::GpuTest {
  protected:
    void SetUp() override {
        GpuTest::SetUp();
        if (IsSkipped()) return;
        device = current_device_traits();
        if (device.compute_major < 9 || !streamed_fits(MatrixKernel::streamed, 2880, device))
            GTEST_SKIP() << "the plan has them from Hopper on";
        prepare_gemm();
        prepare_routing();
        prepare_few_experts();
    }
    MatrixPlan plan(MatrixKernel kernel, const DeviceMatrix& w, std::int32_t experts = 1) const {
        MatrixPlan chosen = plan_with(kernel, kFewRows, w.rows, experts, device);
        chosen.one_chain = true;
        return chosen;
    }
    DeviceTraits device;
};

TEST_F(FewRows, ProductsThatChooseTheirExperts) {
    constexpr std::int32_t kExperts = 8;
    for (const auto& [hidden, width] : {std::pair{256, 192}, std::pair{2880, 64}}) {
        const RandomMatrix gate_up(WeightFormat::mxfp4, kExperts * 2 * width, hidden, 1),
            down(WeightFormat::mxfp4, kExperts * hidden, width, 2);
        const DeviceVector<float> gate_up_bias(random_floats(std::size_t{kExperts} * 2 * width, 1.0F, 3)),
            down_bias(random_floats(std::size_t{kExperts} * hidden, 1.0F, 4));
        const RouterWeights router(hidden, kExperts);
        for (const std::int32_t rows : {1, 2})
            for (const unsigned seed : {5U, 6U, 7U}) {
                const DeviceVector<float> residual(random_floats(std::size_t(rows) * hidden, 20.0F, seed));
                const RoutedRows routed(rows, router);
                Routing routing = routed.routing(residual, router);
                routing.in_order = true;
                routing.tile_tokens = 16;
                const auto outputs = [&](bool choosing) {
                    const auto pairs = std::size_t(rows) * kExpertsPerToken;
                    const DeviceVector<__half> activations(pairs * width), found(pairs * hidden);
                    choosing ? launch_partial_logits(routing, nullptr) : launch_routing(routing, nullptr);
                    const auto launch = [&](const GemmProblem& problem) {
                        choosing
                            ? launch_few_experts(problem, routing, device.sm_count, nullptr)
                            : launch_gemm(problem, plan(MatrixKernel::streamed, problem.weights, kExperts),
                                          device.sm_count, nullptr);
                    };
                    GemmProblem problem;
                    problem.weights = gate_up.matrix;
                    problem.experts = kExperts;
                    problem.activations = routed.normalised.get();
                    problem.source_rows = routed.pairs.get();
                    problem.source_divisor = kExpertsPerToken;
                    problem.groups = routed.groups.get();
                    problem.row_count = rows * kExpertsPerToken;
                    problem.epilogue.kind = Epilogue::swiglu;
                    problem.epilogue.bias = gate_up_bias.get();
                    problem.epilogue.activations = activations.get();
                    problem.epilogue.order = ActivationOrder::nibbles;
                    launch(problem);
                    problem.weights = down.matrix;
                    problem.activations = activations.get();
                    problem.source_rows = nullptr;
                    problem.epilogue = {};
                    problem.epilogue.kind = Epilogue::expert_output;
                    problem.epilogue.bias = down_bias.get();
                    problem.epilogue.expert_outputs = found.get();
                    problem.epilogue.pairs = routed.pairs.get();
                    problem.epilogue.routing_weights = routed.weights.get();
                    launch(problem);
                    return found.read();
                };
                const std::vector<__half> own = outputs(true), usual = outputs(false);
                ASSERT_EQ(own.size(), usual.size());
                EXPECT_EQ(differences(own, usual), 0) << rows << " rows of " << hidden;
            }
    }
}

}  // namespace
}  // namespace gptoss::backend::cuda::test

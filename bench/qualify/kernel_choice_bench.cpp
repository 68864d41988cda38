// Is what `qualify` chooses the fastest? It chooses on random weights of a true shape; then every kernel is timed by
// turns with that choice, and the worst case is printed. What is right is not asked here.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <limits>
#include <map>
#include <memory>

#include "backend/cuda/cuda_device.h"
#include "backend/devices/devices.h"
#include "base/error.h"
#include "qualify/kernel_stage.h"
#include "qualify/kernel_timing.h"

namespace gptoss::qualify {
namespace {

// Times are measured; whatever is asked for its logits gets the same ones as the reference.
class SyntheticRunner final : public ProbeRunner {
  public:
    explicit SyntheticRunner(const model::Hyperparameters& shape) : shape_(shape) {}

    ProbeReply run(const ProbeRequest& request) override {
        ProbeReply reply;
        if (!request.times_alone) {
            for (std::size_t i = 0; i < request.probes.size(); ++i)
                reply.outcomes.push_back(
                    {std::vector<float>(static_cast<std::size_t>(shape_.vocabulary), 1.0F), true, 0});
            return reply;
        }
        try {
            if (backend_ == nullptr) make_backend(request);
            backend_->choose_kernels(request.kernels);
            reply.device = backend_->info().device;
            reply.outcomes = run_probes(*backend_, plan_, shape_, request.probes, {request.passes, true});
        } catch (const Error& error) {
            reply.problem = error.what();
            std::printf("%s\n", error.what());
        }
        return reply;
    }

  private:
    // The same steps are timed every time.
    void make_backend(const ProbeRequest& request) {
        const model::PlanRequest plan_request = plan_request_for(request.probes, shape_, request.kv_types);
        const backend::DeviceNeeds needs = backend::device_needs("cuda", shape_, plan_request);
        plan_ = model::plan(shape_, plan_request, needs.weight_bytes, needs.workspace_bytes,
                            needs.runtime_bytes, needs.host);
        backend::BackendOptions options;
        options.plan = plan_;
        backend_ = backend::make_synthetic_backend("cuda", shape_, options);
    }

    model::Hyperparameters shape_;
    model::MemoryPlan plan_;
    std::unique_ptr<backend::Backend> backend_;
};

int run(const std::string& name, std::int32_t layers, std::int32_t rounds) {
    KernelStageOptions options;
    options.shape = name == "gpt-oss-120b" ? model::gpt_oss_120b() : model::gpt_oss_20b();
    if (layers > 0) options.shape.layers = layers;
    options.device = "cuda";
    options.slices_of_each_kernel = 0;
    backend::cuda::PlanOptions plan_options;
    plan_options.shape = options.shape;
    const backend::cuda::DeviceTraits traits = backend::cuda::Device(0).traits();
    options.kernels = backend::cuda::kernel_names(traits, plan_options);
    options.step_text = [&](const backend::KernelChoice& kernels, std::int32_t sequences, std::int32_t tokens,
                            std::int32_t depth) {
        plan_options.kernels = kernels;
        return backend::cuda::line_of_step(sequences, tokens, depth, traits, plan_options);
    };
    SyntheticRunner runner(options.shape);
    const KernelStageResult result = qualify_kernels(options, runner, [](const std::string& what) {
        std::printf("%s\n", what.c_str());
        std::fflush(stdout);
    });
    for (const Finding& each : result.findings)
        std::printf("%s: %s\n", each.name.c_str(), each.detail.c_str());
    for (const Figure& each : result.figures)
        std::printf("%s: %.0f %s\n", each.name.c_str(), each.value, each.unit.c_str());

    // By hand: the choice, then each kernel forced over it, where it runs then; the lowest of the rounds.
    ProbeRequest request;
    request.probes = timing_probes(options);
    request.kv_types = options.kv_types;
    request.passes = 5;
    request.times_alone = true;
    std::map<std::string, std::vector<double>> lowest_ms;
    for (std::int32_t round = 0; round < rounds; ++round) {
        std::vector<std::string> kernels = {""};
        kernels.insert(kernels.end(), options.kernels.begin(), options.kernels.end());
        if (round % 2 == 1) std::ranges::reverse(kernels);
        for (const std::string& kernel : kernels) {
            request.kernels = kernel.empty() ? result.choice : forced(kernel, result.choice);
            const ProbeReply reply = runner.run(request);
            std::vector<double>& lowest = lowest_ms[kernel];
            lowest.resize(reply.outcomes.size(), std::numeric_limits<double>::max());
            for (std::size_t i = 0; i < reply.outcomes.size(); ++i)
                lowest[i] = std::min(lowest[i], reply.outcomes[i].step_ms);
        }
    }
    for (std::size_t i = 0; i < request.probes.size(); ++i) {
        const double chosen_ms = lowest_ms.at("")[i];
        std::printf("%-20s chosen %8.3f ms", request.probes[i].name().c_str(), chosen_ms);
        for (const auto& [kernel, ms] : lowest_ms)
            if (!kernel.empty() &&
                changes(options.step_text, request.probes[i], result.choice, forced(kernel, result.choice)))
                std::printf("  %s %.3f", kernel.c_str(), chosen_ms / ms[i]);
        std::printf("\n");
    }
    return 0;
}

}  // namespace
}  // namespace gptoss::qualify

int main(int argument_count, char** arguments) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    CLI::App app("Times the choice of `qualify` beside every kernel");
    std::string shape = "gpt-oss-120b";
    std::int32_t layers = 0, rounds = 2;
    app.add_option("--shape", shape, "gpt-oss-120b or gpt-oss-20b");
    app.add_option("--layers", layers, "So many alone");
    app.add_option("--rounds", rounds, "Of timing by hand");
    CLI11_PARSE(app, argument_count, arguments);
    return gptoss::qualify::run(shape, layers, rounds);
}

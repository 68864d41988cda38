#include "node/model_placement.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "model/plan_size.h"
#include "node/kernel_decision.h"
#include "node/memory_ceiling.h"

namespace gptoss::node {

namespace {

constexpr std::int32_t kCpuSequences = 16;

bool is_gpu(const Device& device) {
    return device.name != "cpu";
}

backend::DeviceNeeds needs_of(const Device& device, ModelSource& source, const model::PlanRequest& request) {
    if (source.weights() == nullptr && device.synthetic_needs)
        return device.synthetic_needs(source.shape(), request);
    source.make_weights();
    backend::DeviceNeeds needs = device.needs(*source.weights(), request);
    if (needs.weight_bytes == 0) needs.weight_bytes = source.tensor_bytes();
    return needs;
}

// The kernels that `qualify` found right and fast on a device. One on which it found none computes nothing.
backend::KernelChoice qualified_kernels(const Settings& settings, const Device& device,
                                        const backend::DeviceNeeds& needs, const ModelSource& source) {
    if (source.file() == nullptr) return {};
    const auto decision = decision_for(settings, device.name, needs.device, *source.file());
    if (!decision) return {};
    if (!decision->fit_to_serve)
        throw Error(
            ErrorCode::device_failed,
            needs.device + " did not pass `gpt-oss-node qualify`: " + decision->reason,
            "Run `gpt-oss-node qualify` again after a change of driver or card; its report names what "
            "was wrong.");
    spdlog::info("kernels as qualified on this machine: {} banned, {} preferred",
                 decision->kernels.banned.size(), decision->kernels.preferred.size());
    return decision->kernels;
}

// The first that may compute and can, and its kernels.
std::pair<const Device*, backend::KernelChoice> choose_device(const Settings& settings,
                                                              const std::vector<Device>& devices,
                                                              ModelSource& source,
                                                              const model::PlanRequest& request) {
    const bool gpu_wanted = settings.gpu_layers > 0 || settings.device == DeviceChoice::cuda;
    const bool gpu_allowed = settings.gpu_layers != 0 && settings.device != DeviceChoice::cpu;
    for (const Device& device : devices) {
        if (is_gpu(device) ? !gpu_allowed : gpu_wanted) continue;
        try {
            return {&device, qualified_kernels(settings, device, needs_of(device, source, request), source)};
        } catch (const Error& error) {
            // A build with CUDA on a machine without a GPU is a full node, but it says what it does.
            if (gpu_wanted || !is_gpu(device)) throw;
            spdlog::warn("{} cannot be used, the CPU computes: {}", device.name, error.what());
        }
    }
    const std::string asked = settings.gpu_layers > 0
                                  ? "GPU_LAYERS=" + std::to_string(settings.gpu_layers)
                                  : "GPTOSS_DEVICE=" + std::string(name_of(settings.device));
    throw Error(ErrorCode::setting_invalid,
                asked + " asks for a GPU, but this build computes on the CPU alone",
                "Set GPU_LAYERS=0 to compute on the CPU, or build with the CMake preset cuda.");
}

// More than a driver takes is in use already: another program lives on the card, or another model of ours.
bool is_shared(const backend::DeviceNeeds& needs) {
    return needs.total_bytes > 0 && needs.total_bytes - needs.free_bytes > needs.total_bytes / 20;
}

// Plans of one model on one device. What the device needs depends on the number of sequences, and asking it
// takes time; tokens cost the same everywhere.
class Planner {
  public:
    Planner(const Device& device, ModelSource& source) : device_(device), source_(source) {}

    const backend::DeviceNeeds& needs(const model::PlanRequest& request) {
        if (request.max_sequences != asked_.max_sequences || request.gpu_layers != asked_.gpu_layers)
            needs_ = needs_of(device_, source_, request);
        asked_ = request;
        return needs_;
    }
    model::MemoryPlan plan(const model::PlanRequest& request) {
        const backend::DeviceNeeds& facts = needs(request);
        return model::plan(source_.shape(), request, facts.weight_bytes, facts.workspace_bytes,
                           facts.runtime_bytes, facts.host);
    }
    std::int32_t largest_context(const model::PlanRequest& request, std::int64_t free_bytes) {
        const backend::DeviceNeeds& facts = needs(request);
        return model::largest_context_that_fits(source_.shape(), request, facts.weight_bytes,
                                                facts.workspace_bytes, facts.runtime_bytes, free_bytes,
                                                facts.host);
    }
    // Most layers of which the GPU, with the rest on the CPU, has room for; 0 = none, or it has room for all.
    std::int32_t gpu_layers_that_fit(model::PlanRequest request, std::int64_t free_bytes) {
        const std::int32_t layers = source_.shape().layers;
        const auto plan_with = [&](std::int32_t gpu_layers) {
            request.gpu_layers = gpu_layers;
            return plan(request);
        };
        std::int32_t fit = 0;
        std::int32_t too_many =
            model::device_layers(source_.shape(), request).first == 0 ? layers : request.gpu_layers;
        while (too_many - fit > 1) {
            const std::int32_t middle = fit + (too_many - fit) / 2;
            (plan_with(middle).total_bytes() <= free_bytes ? fit : too_many) = middle;
        }
        return fit > 0 && plan_with(fit).fits(free_bytes) ? fit : 0;
    }

  private:
    const Device& device_;
    ModelSource& source_;
    model::PlanRequest asked_{.max_sequences = 0};
    backend::DeviceNeeds needs_;
};

model::PlanRequest request_of(const Settings& settings, const model::Hyperparameters& shape) {
    model::PlanRequest request;
    request.context_length = settings.max_context_length > 0
                                 ? static_cast<std::int32_t>(settings.max_context_length)
                                 : shape.context_length;
    request.cache_tokens = settings.cache_tokens;
    request.max_batch_tokens = static_cast<std::int32_t>(settings.batch_tokens);
    request.kv_types = settings.kv_cache_type;
    if (settings.gpu_layers > 0) request.gpu_layers = static_cast<std::int32_t>(settings.gpu_layers);
    request.gpu_ordinal = static_cast<std::int32_t>(settings.gpu_ordinal);
    request.max_sequences = settings.max_sequences > 0 ? static_cast<std::int32_t>(settings.max_sequences)
                                                       : model::kFewestSequences;
    return request;
}

}  // namespace

std::unique_ptr<backend::Backend> Placement::make(const ModelSource& source,
                                                  const backend::BackendOptions& options,
                                                  const backend::LoadProgress& progress) const {
    backend::BackendOptions qualified = options;
    qualified.kernels = kernels;
    if (source.weights() != nullptr) return device->make(*source.weights(), qualified, progress);
    return device->make_synthetic(source.shape(), qualified);
}

Placement place_model(const Settings& settings, const std::vector<Device>& devices, ModelSource& source) {
    const model::Hyperparameters& shape = source.shape();
    model::PlanRequest request = request_of(settings, shape);
    Placement placement;
    std::tie(placement.device, placement.kernels) = choose_device(settings, devices, source, request);
    placement.kernels.batch_invariant = settings.determinism == Determinism::on;
    Planner planner(*placement.device, source);
    const backend::DeviceNeeds first = planner.needs(request);
    placement.ceiling_bytes = placement.on_gpu() ? memory_ceiling_bytes(settings, first.total_bytes) : 0;
    const std::int64_t free_bytes = below_ceiling(placement.ceiling_bytes, first);

    // Layers on the CPU set the pace of all: as many sequences as a CPU alone would have.
    const bool open_sequences = settings.max_sequences == 0;
    const bool split = model::device_layers(shape, request).first > 0;
    const bool all_on_gpu = placement.on_gpu() && !split;
    if (open_sequences && !all_on_gpu) request.max_sequences = kCpuSequences;
    if (settings.max_context_length == 0) {
        const std::int32_t largest = planner.largest_context(request, free_bytes);
        if (largest > 0) request.context_length = std::min(request.context_length, largest);
    }
    const model::OpenSizes open{.sequences = open_sequences && all_on_gpu,
                                .cache_tokens = settings.cache_tokens == 0};
    const model::MemoryShare share{.total_bytes = first.total_bytes,
                                   .free_bytes = free_bytes,
                                   .shared = !placement.on_gpu() || is_shared(first)};
    request = model::fill_memory(request, open, share,
                                 [&](const model::PlanRequest& wanted) { return planner.plan(wanted); });
    placement.plan = planner.plan(request);
    placement.needs = planner.needs(request);
    placement.needs.free_bytes = free_bytes;
    const bool more_on_cpu = placement.on_gpu() && placement.plan.total_bytes() > free_bytes;
    model::require_fit(placement.plan, shape, free_bytes, first.device,
                       more_on_cpu ? planner.gpu_layers_that_fit(request, free_bytes) : 0);
    return placement;
}

}  // namespace gptoss::node

#include "qualify/probe_computer.h"

#include <algorithm>
#include <cmath>

#include "backend/devices/devices.h"
#include "gguf/file.h"

namespace gptoss::qualify {
namespace {

// A plan for `made` has room for what wants `wanted`.
bool has_room(const model::PlanRequest& made, const model::PlanRequest& wanted) {
    return made.max_batch_tokens >= wanted.max_batch_tokens && made.max_sequences >= wanted.max_sequences &&
           made.context_length >= wanted.context_length && made.cache_tokens >= wanted.cache_tokens &&
           made.kept_windows >= wanted.kept_windows;
}

bool is_finite(const ProbeReply& reply) {
    return std::ranges::all_of(reply.outcomes, [](const ProbeOutcome& outcome) {
        return std::ranges::all_of(outcome.logits, [](float logit) { return std::isfinite(logit); });
    });
}

}  // namespace

struct ProbeComputer::Made {
    ProbeRequest request;  // that it was made for
    model::Weights weights;
    model::MemoryPlan plan;
    std::unique_ptr<backend::Backend> backend;
};

ProbeComputer::ProbeComputer(const model::Weights& weights) : weights_(weights) {}
ProbeComputer::~ProbeComputer() = default;

bool ProbeComputer::fits(const ProbeRequest& request, const model::PlanRequest& wanted) {
    if (!made_) return false;
    const ProbeRequest& made = made_->request;
    if (request.device != made.device || request.exact != made.exact || request.layers != made.layers ||
        request.kv_types != made.kv_types || request.gpu_layers != made.gpu_layers ||
        request.gpu_ordinal != made.gpu_ordinal || !has_room(made_->plan.request, wanted))
        return false;
    if (request.kernels == made.kernels) return true;
    if (!made_->backend->choose_kernels(request.kernels)) return false;
    made_->request.kernels = request.kernels;
    return true;
}

ProbeReply ProbeComputer::compute(const ProbeRequest& request) {
    const bool sliced = !request.layers.empty();
    model::Hyperparameters shape = weights_.hyperparameters;
    if (sliced) shape.layers = request.layers.end - request.layers.first;
    model::PlanRequest plan_request =
        plan_request_for(request.probes, shape, request.kv_types, request.exact);
    if (!sliced) plan_request.gpu_layers = request.gpu_layers;
    plan_request.gpu_ordinal = request.gpu_ordinal;
    // A backend is not used again after an error, nor with numbers in its cache that are none.
    std::unique_ptr<Made> used = fits(request, plan_request) ? std::move(made_) : nullptr;
    made_.reset();
    if (!used) {
        used = std::make_unique<Made>();
        used->request = request;
        used->weights = sliced ? slice_of(weights_, request.layers.first, shape.layers) : weights_;
        const backend::DeviceNeeds needs = backend::device_needs(request.device, used->weights, plan_request);
        backend::BackendOptions options;
        options.plan = model::plan(shape, plan_request, needs.weight_bytes, needs.workspace_bytes,
                                   needs.runtime_bytes, needs.host);
        model::require_fit(options.plan, shape, needs.free_bytes, needs.device);
        options.kernels = request.kernels;
        options.exact = request.exact;
        used->plan = options.plan;
        used->backend = backend::make_backend(request.device, used->weights, options);
    }
    ProbeReply reply;
    reply.device = used->backend->info().device;
    reply.outcomes = run_probes(*used->backend, used->plan, shape, request.probes,
                                {request.passes, request.times_alone, request.exact});
    if (is_finite(reply)) made_ = std::move(used);
    return reply;
}

ProbeReply compute_probes(const ProbeRequest& request, const model::Weights& weights) {
    return ProbeComputer(weights).compute(request);
}

ProbeReply compute_probes(const ProbeRequest& request) {
    const gguf::File file = gguf::File::open(request.model);
    ProbeReply reply = compute_probes(request, model::find_weights(file));
    file.require_unchanged();
    return reply;
}

}  // namespace gptoss::qualify

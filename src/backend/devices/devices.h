// The devices of this build by name, "cpu" and "cuda", and which backend computes on them; a model may be split over both.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/needs.h"

namespace gptoss::backend {

// What this build can compute on, best first: {"cuda", "cpu"} or {"cpu"}. Whether a GPU is there is another question.
std::vector<std::string> device_names();

// Throws Error(setting_invalid) for a device this build does not have. `progress` is called for weights that are
// moved; the CPU reads them where they lie. "cuda" with a plan of fewer GPU layers than the model has: the
// first layers are the CPU's. The plan also says which GPU (PlanRequest::gpu_ordinal).
std::unique_ptr<Backend> make_backend(const std::string& device, const model::Weights& weights,
                                      const BackendOptions& options, const LoadProgress& progress = {});

// The same with random weights made where they are computed with; null on the CPU, which needs them in
// memory.
std::unique_ptr<Backend> make_synthetic_backend(const std::string& device,
                                                const model::Hyperparameters& shape,
                                                const BackendOptions& options);

// What the device needs besides the KV cache, and what it has free: for a shape with ggml-org's types, or for
// weights as they are. Throws as above.
DeviceNeeds device_needs(const std::string& device, const model::Hyperparameters& shape,
                         const model::PlanRequest& request);
DeviceNeeds device_needs(const std::string& device, const model::Weights& weights,
                         const model::PlanRequest& request);

// The kernels that a device of this machine can run for a model, by name (kernel_choice.h). Throws as above.
std::vector<std::string> kernel_names(const std::string& device, const model::Weights& weights,
                                      std::int32_t gpu_ordinal = 0);

// What a device would run for a model; null where that is not known. Throws as above.
StepText step_text(const std::string& device, const model::Weights& weights, std::int32_t gpu_ordinal = 0);

// GB/s (10^9) the device reads from its memory, measured now: the roof of generation.
double read_bandwidth(const std::string& device, std::int32_t threads, std::int32_t gpu_ordinal = 0);

}  // namespace gptoss::backend

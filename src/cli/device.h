// `--device cpu|cuda` of the subcommands that use a backend without the engine.
#pragma once

#include <memory>
#include <string>

#include "backend/backend.h"
#include "backend/needs.h"

namespace gptoss::cli {

// Throws Error(setting_invalid) for a device this build does not have.
std::unique_ptr<backend::Backend> make_backend(const std::string& device, const model::Weights& weights,
                                               const backend::BackendOptions& options);

// What the device needs besides weights and KV, and what it has free. Throws as above.
backend::DeviceNeeds device_needs(const std::string& device, const model::Hyperparameters& shape,
                                  const model::PlanRequest& request);

// GB/s (10^9) the device reads from its memory, measured now: the roof of generation.
double read_bandwidth(const std::string& device, std::int32_t threads);

}  // namespace gptoss::cli

// `--device cpu|cuda` of the subcommands that use a backend without the engine.
#pragma once

#include <memory>
#include <string>

#include "backend/backend.h"

namespace gptoss::cli {

// Throws Error(setting_invalid) for a device this build does not have.
std::unique_ptr<backend::Backend> make_backend(const std::string& device, const model::Weights& weights,
                                               const backend::BackendOptions& options);

}  // namespace gptoss::cli

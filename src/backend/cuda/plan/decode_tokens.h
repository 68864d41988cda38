// How many tokens a decode step has room for, and up to how many a step is decoded.
#pragma once

#include "backend/cuda/plan/execution_plan.h"

namespace gptoss::backend::cuda {

std::int32_t tokens_per_decode_step(const DeviceTraits& device, const PlanOptions& options);
// More are faster as one batched pass than as several decode steps.
std::int32_t most_decode_tokens(const DeviceTraits& device, const PlanOptions& options);

}  // namespace gptoss::backend::cuda

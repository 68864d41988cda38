// What the driver says of a card, for plans and memory.
#pragma once

#include "backend/cuda/plan/execution_plan.h"
#include "backend/cuda/weights.h"

namespace gptoss::backend::cuda {

// Of the calling thread's current device. Throws Error(device_failed).
DeviceTraits current_device_traits();

// What plans need to know of a model on a device.
PlanOptions plan_options_of(const DeviceWeights& weights);

}  // namespace gptoss::backend::cuda

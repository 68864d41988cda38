// What a device needs besides weights and KV cache, and what it has free: the two facts a memory plan is made
// with.
#pragma once

#include <cstdint>
#include <string>

#include "model/hyperparameters.h"
#include "model/plan.h"

namespace gptoss::backend {

struct DeviceNeeds {
    std::string device;
    std::int64_t workspace_bytes = 0;  // activations, logits, staging for one step of the request's size
    std::int64_t runtime_bytes = 0;    // the device runtime's own share
    std::int64_t free_bytes = 0;       // free now, before anything is loaded
};

DeviceNeeds cpu_needs(const model::Hyperparameters& shape, const model::PlanRequest& request);

}  // namespace gptoss::backend

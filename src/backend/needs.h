// What a device needs for a model besides its KV cache, and what it has free: the facts a memory plan is made
// with.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "model/hyperparameters.h"
#include "model/plan.h"
#include "model/weights.h"

namespace gptoss::backend {

struct DeviceNeeds {
    std::string device;
    std::int64_t workspace_bytes = 0;  // activations, logits, staging for one step of the request's size
    std::int64_t runtime_bytes = 0;    // the device runtime's own share: its context, loaded kernels
    std::int64_t free_bytes = 0;       // free before anything is loaded, the runtime's own share included
    std::int64_t weight_bytes = 0;     // of the weights as this device lays them out; 0 = as in the file
    std::int64_t total_bytes = 0;      // of the device in all; 0 = not known
    std::string bus_id;                // PCI address of the GPU ("0000:17:00.0"); empty on the CPU
    std::int64_t context_bytes = 0;    // the part of runtime_bytes that asking has already claimed
    model::HostShare host;             // when the request leaves layers to the host
};

// Bytes of the file that are where they will be computed with, of all. Called from loading threads, never
// from two at once; what it throws ends the loading.
using LoadProgress = std::function<void(std::int64_t done_bytes, std::int64_t total_bytes)>;

DeviceNeeds cpu_needs(const model::Hyperparameters& shape, const model::PlanRequest& request);

// What the CPU needs for the layers that the request does not place on the GPU: with ggml-org's types, or
// with the file's own. Nothing when there are none.
model::HostShare cpu_share(const model::Hyperparameters& shape, const model::PlanRequest& request);
model::HostShare cpu_share(const model::Weights& weights, const model::PlanRequest& request);

}  // namespace gptoss::backend

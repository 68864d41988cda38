// Where a model is computed, and how the memory there is divided.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/kernel_choice.h"
#include "backend/needs.h"
#include "model/plan.h"
#include "node/device.h"
#include "node/model_source.h"
#include "node/settings.h"

namespace gptoss::node {

struct Placement {
    const Device* device = nullptr;  // one of those given
    backend::DeviceNeeds needs;      // free_bytes: below the ceiling
    model::MemoryPlan plan;
    std::int64_t ceiling_bytes = 0;  // most of the GPU's memory that may be in use; 0 = no ceiling
    backend::KernelChoice kernels;   // as `qualify` decided for this device and model

    bool on_gpu() const { return device->name != "cpu"; }
    // With these kernels, whatever `options` name: a banned one computes for nobody.
    std::unique_ptr<backend::Backend> make(const ModelSource& source, const backend::BackendOptions& options,
                                           const backend::LoadProgress& progress) const;
};

// `devices` in order of preference. Who asks for a GPU gets one or an error, never the CPU; who asks for nothing
// gets the best there is, and the log says which. On the CPU random weights are made here.
// Throws Error(setting_invalid), Error(does_not_fit), or what the device says.
Placement place_model(const Settings& settings, const std::vector<Device>& devices, ModelSource& source);

}  // namespace gptoss::node

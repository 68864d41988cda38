// What the kernel stage looks at: which layers, on which device, with which steps.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "qualify/kernel_stage.h"
#include "qualify/probe.h"

namespace gptoss::qualify {

// Layers, and the device that computes them. No layers = the whole model.
struct Slice {
    model::LayerRange layers;
    std::string device;
    bool operator==(const Slice&) const = default;
};

inline constexpr std::int32_t kSliceLayers = 2;

class StagePlan {
  public:
    explicit StagePlan(const KernelStageOptions& options);

    // Every pair of layers on the device that computes it; on both where GPU_LAYERS parts them.
    const std::vector<Slice>& slices() const { return slices_; }
    // Those at which each kernel of the device is tried, spread over its layers.
    std::vector<Slice> places(const std::string& device) const;

    const std::vector<Probe>& steps(const std::string& device) const { return steps_.at(device); }
    // Where the reference in float32 on the CPU would take long: of the whole model, and of the layers that the kernels
    // were not tried on. Kernels are the same in every layer; there the weights alone are new.
    std::vector<Probe> few_steps(const std::string& device) const;
    // All of them in the order of what they are worth: the few first, then the shortest.
    std::vector<Probe> few_first(const std::string& device) const;
    // From now on these of them alone.
    void keep(const std::string& device, const std::vector<Probe>& steps);

  private:
    std::int32_t most_places_;
    std::vector<Slice> slices_;
    std::map<std::string, std::vector<Probe>> steps_;  // by device
};

}  // namespace gptoss::qualify

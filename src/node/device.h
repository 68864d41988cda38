// A place to compute, as the node sees it. The command line knows which ones a build has.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "backend/backend.h"
#include "backend/needs.h"

namespace gptoss::node {

struct Device {
    std::string name;  // "cpu", "cuda"
    std::function<backend::DeviceNeeds(const model::Weights&, const model::PlanRequest&)> needs;
    std::function<std::unique_ptr<backend::Backend>(const model::Weights&, const backend::BackendOptions&,
                                                    const backend::LoadProgress&)>
        make;
    // The same for random weights that are made where they are computed with. Not set on the CPU, which needs
    // them in memory.
    std::function<backend::DeviceNeeds(const model::Hyperparameters&, const model::PlanRequest&)>
        synthetic_needs;
    std::function<std::unique_ptr<backend::Backend>(const model::Hyperparameters&,
                                                    const backend::BackendOptions&)>
        make_synthetic;
};

}  // namespace gptoss::node

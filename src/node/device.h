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
};

}  // namespace gptoss::node

// What is asked of whoever computes probes, and what comes back.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/kernel_choice.h"
#include "model/layer_range.h"
#include "model/plan.h"
#include "qualify/probe.h"

namespace gptoss::qualify {

struct ProbeRequest {
    std::string model;   // GGUF file, or the first part of a split one
    std::string device;  // "cpu", "cuda"
    backend::KernelChoice kernels;
    bool exact = false;        // CPU: the float32 reference
    model::LayerRange layers;  // a slice (probe.h); empty = the whole model
    model::KvTypes kv_types;
    std::int32_t gpu_layers = model::PlanRequest{}.gpu_layers;  // fewer than the model has = split
    std::int32_t gpu_ordinal = 0;                               // which GPU of the machine
    std::vector<Probe> probes;
    std::int32_t passes = 3;
    bool times_alone = false;  // no logits are wanted
    double most_s = 0;         // whoever takes longer hangs; 0 = as the runner was told
};

struct ProbeReply {
    std::string device;                  // as the backend calls it
    std::vector<ProbeOutcome> outcomes;  // one a probe; none when there was a problem
    std::string problem;                 // "ended by signal 11", "took longer than 600 s", or an error's text
    bool does_not_fit = false;           // the problem is memory that others hold, not the kernels
};

class ProbeRunner {
  public:
    virtual ~ProbeRunner() = default;
    // Never throws for what the device does: `problem` says what went wrong.
    virtual ProbeReply run(const ProbeRequest& request) = 0;
    // What a wrong kernel may have left in a process or in device memory takes part in nothing from now on.
    virtual void start_anew() {}
};

nlohmann::json to_json(const ProbeRequest& request);
// Throws Error(request_invalid) naming the member, Error(setting_invalid) for an unknown KV type.
ProbeRequest probe_request_from_json(const nlohmann::json& json);

}  // namespace gptoss::qualify

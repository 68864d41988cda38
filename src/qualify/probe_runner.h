// Who computes probes: another process, so that a kernel that crashes the driver or hangs takes nothing with it.
#pragma once

#include <cstdint>
#include <filesystem>
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
};

nlohmann::json to_json(const ProbeRequest& request);
// Throws Error(request_invalid) naming the member, Error(setting_invalid) for an unknown KV type.
ProbeRequest probe_request_from_json(const nlohmann::json& json);

// Computes it here and now. What the child process does; tests too. Throws what the backend throws.
ProbeReply compute_probes(const ProbeRequest& request);
// The same with weights that are open already.
ProbeReply compute_probes(const ProbeRequest& request, const model::Weights& weights);

// The child's side: reads request.json in the folder, writes reply.json and logits.f32 there.
void answer_probe_request(const std::filesystem::path& folder);

// Runs `program qualify-probe FOLDER` for each request, and ends it after `most_s` seconds.
class ChildProbeRunner final : public ProbeRunner {
  public:
    ChildProbeRunner(std::filesystem::path program, double most_s)
        : program_(std::move(program)), most_s_(most_s) {}
    ProbeReply run(const ProbeRequest& request) override;

  private:
    std::filesystem::path program_;
    double most_s_ = 0;
};

}  // namespace gptoss::qualify

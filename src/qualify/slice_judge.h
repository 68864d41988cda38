// Judges what one choice of kernels computes on a part of the model against the CPU's float32 path.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "qualify/kernel_stage.h"
#include "qualify/stage_plan.h"

namespace gptoss::qualify {

class SliceJudge {
  public:
    SliceJudge(const KernelStageOptions& options, ProbeRunner& runner, const StageClock& clock)
        : options_(options), runner_(runner), clock_(clock) {}

    // Empty = right everywhere; else the first thing that is wrong, and where. What may be rounding is wrong when two
    // other inputs show it too.
    std::string fault_of(const backend::KernelChoice& kernels, const Slice& slice,
                         const std::vector<Probe>& probes, const model::KvTypes& kv_types);

    ProbeRequest request(const backend::KernelChoice& kernels, const Slice& slice,
                         const std::vector<Probe>& probes, const model::KvTypes& kv_types) const;

    // By the float32 path, those that are not there yet. Empty = they are there; else why not.
    std::string compute_references(model::LayerRange layers, const std::vector<Probe>& probes);

    // The last problem says nothing about kernels: memory that others hold, or no reference.
    bool no_room() const { return no_room_; }
    const std::string& device() const { return device_; }  // as the backend calls it

  private:
    struct Look {
        std::string problem;  // nothing was computed
        std::vector<Judgement> judgements;
    };
    Look look(const backend::KernelChoice& kernels, const Slice& slice, const std::vector<Probe>& probes,
              const model::KvTypes& kv_types);
    std::string look_for_fault(const backend::KernelChoice& kernels, const Slice& slice,
                               const std::vector<Probe>& probes, const model::KvTypes& kv_types);

    const KernelStageOptions& options_;
    ProbeRunner& runner_;
    const StageClock& clock_;
    bool no_room_ = false;
    std::string device_;
    std::map<std::array<std::int32_t, 6>, ProbeOutcome> references_;  // by layers and probe
};

}  // namespace gptoss::qualify

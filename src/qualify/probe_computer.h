// Computes probes here and now: what the child process of `qualify` does, and tests.
#pragma once

#include <memory>

#include "backend/backend.h"
#include "model/weights.h"
#include "qualify/probe_runner.h"

namespace gptoss::qualify {

// Keeps its backend for the next request where that differs in kernels, probes and inputs alone: weights are moved to a
// GPU once for all kernels.
class ProbeComputer {
  public:
    // `weights` must outlive it.
    explicit ProbeComputer(const model::Weights& weights);
    ~ProbeComputer();
    ProbeComputer(const ProbeComputer&) = delete;
    ProbeComputer& operator=(const ProbeComputer&) = delete;

    // Throws what the backend throws; nothing is kept then.
    ProbeReply compute(const ProbeRequest& request);

  private:
    struct Made;
    bool fits(const ProbeRequest& request, const model::PlanRequest& wanted);

    const model::Weights& weights_;
    std::unique_ptr<Made> made_;
};

// With a backend of its own.
ProbeReply compute_probes(const ProbeRequest& request, const model::Weights& weights);
ProbeReply compute_probes(const ProbeRequest& request);

}  // namespace gptoss::qualify

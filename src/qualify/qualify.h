// All stages of `gpt-oss-node qualify`, in order: kernels, weights, answers, load.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "node/kernel_decision.h"
#include "qualify/kernel_stage.h"
#include "qualify/qualification_report.h"

namespace gptoss::qualify {

struct QualifyOptions {
    std::filesystem::path program;  // this very program, for the children
    std::string model;              // GGUF file
    std::string device = "cpu";     // "cpu", "cuda"
    std::int32_t gpu_layers = model::PlanRequest{}.gpu_layers;
    std::int32_t gpu_ordinal = 0;  // which GPU of the machine
    std::string kv_cache_type = "bf16";
    double minutes = 10;  // of load, and the most for the kernels; 0 = no load, kernels as long as they take
    double probe_most_s = 1800;  // a kernel that takes longer hangs
    bool kernels = true, weights = true, answers = true, load = true;
    std::string expected_sha256;          // of the weights; empty = what is published or in the manifest
    std::filesystem::path decision_path;  // where `serve` will look; empty = the decision is not kept
};

// What an earlier run decided for this card, driver, version and model; nothing when there was none, or when its minutes
// were too few for everything and there are more now.
std::optional<node::KernelDecision> earlier_decision(const QualifyOptions& options);

using ReportFound = std::function<void(const Report& so_far)>;

// Runs the stages, the probes computed by `runner`, and keeps the decision when the kernels were tried. `found` gets the
// report whenever it has grown, marked as unfinished.
Report qualify(
    const QualifyOptions& options, ProbeRunner& runner, const StageProgress& progress,
    const ReportFound& found = [](const Report&) {});

}  // namespace gptoss::qualify

// Which kernels compute right on this machine, and which are the fastest of them. Every kernel that the device
// has is forced in turn, on the model's own weights, and its logits are compared with the CPU's float32 path.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "model/hyperparameters.h"
#include "qualify/judge.h"
#include "qualify/probe_runner.h"
#include "qualify/qualification_report.h"
#include "qualify/stage_clock.h"

namespace gptoss::qualify {

struct KernelStageOptions {
    std::string model, device;
    std::vector<std::string>
        kernels;  // all that the device has: "operation/kernel"; of a split model the CPU's too
    model::Hyperparameters shape;
    std::int32_t gpu_layers = model::PlanRequest{}.gpu_layers;
    std::int32_t gpu_ordinal = 0;
    model::KvTypes kv_types;                 // as it will be served
    std::int32_t most_tokens = 2048;         // of a step, as it will be served
    std::int32_t most_deep_tokens = 128;     // of a step far into the context
    std::int32_t slices_of_each_kernel = 3;  // spread over the model; all of them for the kernels chosen
    // As long as it may take; 0 = as it needs. Too short, fewer steps and places are tried, and findings say so. Where not
    // every kernel can be tried at one place, nothing is decided.
    double most_s = 0;
    std::function<double()> seconds = steady_seconds;
    backend::StepText step_text;  // of the device; null = nobody can say
};

struct KernelStageResult {
    std::vector<Finding> findings;
    std::vector<Figure> figures;
    backend::KernelChoice choice;
    bool decided = true;     // false: another time may decide otherwise, since memory was what others held
    bool was_short = false;  // something was left out for want of time
    std::string device;      // as the backend calls it
};

using StageProgress = std::function<void(const std::string& what)>;
// What is known so far, whenever that has grown.
using StageFound = std::function<void(const KernelStageResult& so_far)>;

// 1. Each kernel on slices of two layers, shallow and deep. A wrong one is banned.
// 2. What is left is timed on the whole model at the token counts where kernels change, the passes first; where another
//    than the program's own choice is faster by more than 2 %, twice, it is preferred; where it takes half the time, the slow
//    one is named as avoided.
// 3. The kernels now chosen compute the whole model, and every slice, and must be right. A device on which they
//    are not has a failed finding, "no right kernel".
KernelStageResult qualify_kernels(
    const KernelStageOptions& options, ProbeRunner& runner, const StageProgress& progress,
    const StageFound& found = [](const KernelStageResult&) {});

// The steps that are timed: decode steps at 1,024 tokens, prompts from the first position.
std::vector<Probe> timing_probes(const KernelStageOptions& options);

}  // namespace gptoss::qualify

// Which of the right kernels is the fastest, at each number of tokens.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "qualify/kernel_stage.h"

namespace gptoss::qualify {

// How kernels are timed, and where.
struct KernelTimes {
    std::vector<Probe> probes;
    // Milliseconds of some of the probes on the whole model with these kernels; empty when it could not be computed.
    std::function<std::vector<double>(const backend::KernelChoice& kernels, const std::vector<Probe>& some)>
        measure;
    // There is time to measure all of them so often.
    std::function<bool(double times)> has_time;
    backend::StepText step_text;  // may be null
};

// Times the kernels of one operation by turns with what runs without them, which takes `own_ms`, and prefers in `choice`
// the fastest at each number of tokens where it is faster than that by more than 2 % in both halves of the turns. Where a
// kernel would not run in a step its time says nothing. What was preferred is a finding.
void choose_fastest(const std::string& operation, const std::vector<std::string>& kernels,
                    const KernelTimes& times, const std::vector<double>& own_ms,
                    backend::KernelChoice& choice, std::vector<Finding>& findings);

// Whether a step runs something else by another choice; where nobody can say, it may.
bool changes(const backend::StepText& text, const Probe& step, const backend::KernelChoice& from,
             const backend::KernelChoice& to);

// `kernel` where it can be used, and what `base` says elsewhere.
backend::KernelChoice forced(const std::string& kernel, const backend::KernelChoice& base);

// A kernel's, "experts" of "experts/mma". The processor's are "cpu", one set for all steps.
std::string operation_of(const std::string& kernel);
inline constexpr std::string_view kCpuOperation = "cpu";
inline constexpr std::int32_t kAnyTokens = std::numeric_limits<std::int32_t>::max();

}  // namespace gptoss::qualify

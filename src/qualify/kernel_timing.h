// Which of the right kernels is the fastest, at each number of tokens.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "qualify/kernel_stage.h"

namespace gptoss::qualify {

// Milliseconds of each probe on the whole model with these kernels; empty when it could not be computed.
using TimeProbes = std::function<std::vector<double>(const backend::KernelChoice& kernels)>;

// Times the kernels of one operation beside `own_ms`, what the program's own choice takes, and prefers in `choice` the
// fastest at each number of tokens where it is faster than that by more than 2 %, twice. What was preferred is a finding.
void choose_fastest(const std::string& operation, const std::vector<std::string>& kernels,
                    const std::vector<Probe>& probes, const std::vector<double>& own_ms,
                    const TimeProbes& times, backend::KernelChoice& choice, std::vector<Finding>& findings);

// `kernel` where it can be used, and what `base` says elsewhere.
backend::KernelChoice forced(const std::string& kernel, const backend::KernelChoice& base);

// A kernel's, "experts" of "experts/mma". The processor's are "cpu", one set for all steps.
std::string operation_of(const std::string& kernel);
inline constexpr std::string_view kCpuOperation = "cpu";
inline constexpr std::int32_t kAnyTokens = std::numeric_limits<std::int32_t>::max();

}  // namespace gptoss::qualify

// Which kernels a backend may use on this machine and which it should prefer: what `qualify` has found out
// (qualify/kernel_stage.h). An empty choice leaves everything to the backend.
//
// Kernels are named "operation/kernel": on the CPU "cpu/amx", "cpu/avx512", "cpu/avx2" and "cpu/portable"; on
// a GPU "experts/streamed", "dense/wgmma" and the like (cuda/plan/execution_plan.h).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gptoss::backend {

struct KernelPreference {
    std::string kernel;                           // "experts/mma"
    std::int32_t tokens_from = 1, tokens_to = 0;  // of a step, both included
    bool operator==(const KernelPreference&) const = default;
};

struct KernelChoice {
    std::vector<std::string> banned;  // kernels that computed wrong: never used
    std::vector<KernelPreference> preferred;
    // Only kernels that compute a token in one order of arithmetic, however many are computed with it
    // (docs/numerics.md). Preferences are by the number of tokens, and count for nothing then.
    bool batch_invariant = false;

    bool bans(std::string_view kernel) const;
    // The kernel preferred for the operation at so many tokens ("mma"); empty = none is.
    std::string_view preferred_kernel(std::string_view operation, std::int32_t tokens) const;
    bool operator==(const KernelChoice&) const = default;
};

// What a step of so many sequences with so many new tokens each, after `depth` others, would run by a choice of kernels,
// as text: two choices of one text run the same.
using StepText = std::function<std::string(const KernelChoice& kernels, std::int32_t sequences,
                                           std::int32_t tokens, std::int32_t depth)>;

// The kernels that this machine's processor can run, the fastest first.
std::vector<std::string> cpu_kernel_names();

}  // namespace gptoss::backend

#include "backend/cpu/kernels.h"

#include <array>

#include "backend/cpu/amx.h"
#include "base/error.h"

namespace gptoss::backend::cpu {
namespace {

struct NamedKernels {
    std::string_view name;
    const Kernels* kernels;  // null = the processor cannot run them
};

// The fastest first.
std::array<NamedKernels, 4> all_kernels() {
    std::array<NamedKernels, 4> all = {{{"cpu/amx", nullptr},
                                        {"cpu/avx512", nullptr},
                                        {"cpu/avx2", nullptr},
                                        {"cpu/portable", &portable_kernels()}}};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni")) {
        if (is_amx_usable()) all[0].kernels = &amx_kernels();
        all[1].kernels = &avx512_kernels();
    }
    // Every processor with AVX2 so far has F16C, which GCC 12 cannot ask for by name.
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) all[2].kernels = &avx2_kernels();
#endif
    return all;
}

}  // namespace

const Kernels& best_kernels() {
    return choose_kernels({});
}

const Kernels& choose_kernels(const KernelChoice& choice) {
    const Kernels* best = nullptr;
    // One set computes steps of every size: a sum must not depend on the step it is part of.
    const std::string_view preferred = choice.preferred_kernel("cpu", 1);
    for (const NamedKernels& each : all_kernels()) {
        if (each.kernels == nullptr || choice.bans(each.name)) continue;
        if (each.name.substr(sizeof "cpu/" - 1) == preferred) return *each.kernels;
        if (best == nullptr) best = each.kernels;
    }
    if (best == nullptr)
        throw Error(
            ErrorCode::device_failed, "every kernel set of the CPU was found to compute wrong",
            "Run `gpt-oss-node qualify` again; its report names what was wrong. --exact needs none of them.");
    return *best;
}

}  // namespace gptoss::backend::cpu

namespace gptoss::backend {

std::vector<std::string> cpu_kernel_names() {
    std::vector<std::string> names;
    for (const auto& each : cpu::all_kernels())
        if (each.kernels != nullptr) names.emplace_back(each.name);
    return names;
}

}  // namespace gptoss::backend

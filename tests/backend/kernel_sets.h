// The kernel sets this machine can run: each is tested, not only the one that would be chosen. AMX is emulated
// where the processor has AVX-512 alone.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "amx_emulation.h"
#include "backend/cpu/kernels.h"
#include "backend/kernel_choice.h"

namespace gptoss::backend::cpu::test {

inline std::vector<const Kernels*> available_kernels() {
    std::vector<const Kernels*> sets{&portable_kernels()};
#if defined(__x86_64__)
    const std::vector<std::string> names = cpu_kernel_names();
    const auto has = [&](const char* name) { return std::ranges::find(names, name) != names.end(); };
    if (has("cpu/avx2")) sets.push_back(&avx2_kernels());
    if (has("cpu/avx512")) {
        if (!has("cpu/amx")) emulate_amx();
        sets.push_back(&avx512_kernels());
        sets.push_back(&amx_kernels());
    }
#endif
    return sets;
}

}  // namespace gptoss::backend::cpu::test

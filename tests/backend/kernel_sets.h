// The kernel sets this machine can run: each is tested, not only the one that would be chosen.
#pragma once

#include <vector>

#include "backend/cpu/kernels.h"

namespace gptoss::backend::cpu::test {

inline std::vector<const Kernels*> available_kernels() {
    std::vector<const Kernels*> sets{&portable_kernels()};
#if defined(__x86_64__)
    const Kernels& best = best_kernels();
    if (best.name != portable_kernels().name) sets.push_back(&avx2_kernels());
    if (best.name == avx512_kernels().name) sets.push_back(&best);
#endif
    return sets;
}

}  // namespace gptoss::backend::cpu::test

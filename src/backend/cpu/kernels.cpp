#include "backend/cpu/kernels.h"

namespace gptoss::backend::cpu {

const Kernels& best_kernels() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni"))
        return avx512_kernels();
    // Every processor with AVX2 so far has F16C, which GCC 12 cannot ask for by name.
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2_kernels();
#endif
    return portable_kernels();
}

}  // namespace gptoss::backend::cpu

#include "backend/cuda/placement.h"

#include <cuda_runtime_api.h>

#include <algorithm>

#include "backend/cuda/memory.h"

namespace gptoss::backend::cuda {

std::int64_t one_block_a_multiprocessor(std::int64_t shared_bytes) {
    struct Limits {
        int multiprocessor = 0, block = 0;
    };
    static const Limits limits = [] {
        Limits found;
        int device = 0;
        cuda_check(cudaGetDevice(&device));
        cuda_check(cudaDeviceGetAttribute(&found.multiprocessor, cudaDevAttrMaxSharedMemoryPerMultiprocessor,
                                          device));
        cuda_check(cudaDeviceGetAttribute(&found.block, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
        return found;
    }();
    const std::int64_t more_than_half = limits.multiprocessor / 2 + 1;
    return more_than_half <= limits.block ? std::max(shared_bytes, more_than_half) : shared_bytes;
}

}  // namespace gptoss::backend::cuda

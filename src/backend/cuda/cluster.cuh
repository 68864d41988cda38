// What the blocks of a cluster do with each other (sm_90; nothing before): a barrier in two halves, which all threads of a
// warp reach together, and loads from and stores into another block's shared memory. Source: the PTX ISA manual.
#pragma once

#include "backend/cuda/primitives.cuh"

namespace gptoss::backend::cuda {

__device__ __forceinline__ void cluster_arrive() {
#if __CUDA_ARCH__ >= 900
    asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
#endif
}
// Blocks that are over do not count.
__device__ __forceinline__ void cluster_wait() {
#if __CUDA_ARCH__ >= 900
    asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}
// Where `own`, an address in shared memory, is in the cluster's block `block`.
__device__ __forceinline__ std::uint32_t shared_address_of_block(const void* own, int block) {
    std::uint32_t address = shared_address(own);
#if __CUDA_ARCH__ >= 900
    asm("mapa.shared::cluster.u32 %0, %0, %1;" : "+r"(address) : "r"(block));
#endif
    return address;
}
__device__ __forceinline__ void store_shared_of_cluster(std::uint32_t address, float2 value) {
#if __CUDA_ARCH__ >= 900
    asm volatile("st.shared::cluster.v2.f32 [%0], {%1, %2};" ::"r"(address), "f"(value.x), "f"(value.y)
                 : "memory");
#endif
}
__device__ __forceinline__ void store_shared_of_cluster(std::uint32_t address, float value) {
#if __CUDA_ARCH__ >= 900
    asm volatile("st.shared::cluster.f32 [%0], %1;" ::"r"(address), "f"(value) : "memory");
#endif
}
__device__ __forceinline__ float load_shared_of_cluster(std::uint32_t address) {
    float value = 0;
#if __CUDA_ARCH__ >= 900
    asm volatile("ld.shared::cluster.f32 %0, [%1];" : "=f"(value) : "r"(address) : "memory");
#endif
    return value;
}

}  // namespace gptoss::backend::cuda

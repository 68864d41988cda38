// The machine instructions the prompt's matrix kernels need beside those of primitives.cuh. Each function is
// one instruction; the PTX ISA manual is the source.
#pragma once

#include <cuda.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "backend/cuda/primitives.cuh"

namespace gptoss::backend::cuda {

// True in code compiled for sm_90a: Hopper's warpgroup matrix instructions exist there and nowhere else.
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
inline constexpr bool kHasWgmma = true;
#else
inline constexpr bool kHasWgmma = false;
#endif
// Bulk copies and the barriers that count them: Hopper and after.
#if __CUDA_ARCH__ >= 900
inline constexpr bool kHasCopyEngine = true;
#else
inline constexpr bool kHasCopyEngine = false;
#endif

// ---- shared memory reads

__device__ __forceinline__ void load_shared(std::uint32_t (&words)[1], std::uint32_t address) {
    asm volatile("ld.shared.b32 %0, [%1];" : "=r"(words[0]) : "r"(address));
}
__device__ __forceinline__ void load_shared(std::uint32_t (&words)[2], std::uint32_t address) {
    asm volatile("ld.shared.v2.b32 {%0, %1}, [%2];" : "=r"(words[0]), "=r"(words[1]) : "r"(address));
}
__device__ __forceinline__ void load_shared(std::uint32_t (&words)[4], std::uint32_t address) {
    asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(address));
}

__device__ __forceinline__ void store_shared_32(std::uint32_t address, std::uint32_t word) {
    asm volatile("st.shared.b32 [%0], %1;" ::"r"(address), "r"(word) : "memory");
}
__device__ __forceinline__ void store_shared_64(std::uint32_t address, float first, float second) {
    asm volatile("st.shared.v2.f32 [%0], {%1, %2};" ::"r"(address), "f"(first), "f"(second) : "memory");
}

// Four 8 x 8 matrices of 16-bit values; lane l gives the address of row l % 8 of matrix l / 8.
__device__ __forceinline__ void load_matrices(std::uint32_t (&words)[4], std::uint32_t address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(address));
}
__device__ __forceinline__ void load_matrices(std::uint32_t (&words)[2], std::uint32_t address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(words[0]), "=r"(words[1])
                 : "r"(address));
}
__device__ __forceinline__ void load_matrices_transposed(std::uint32_t (&words)[4], std::uint32_t address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(address));
}

// ---- barriers in shared memory that count arrivals in phases (sm_90)

__device__ __forceinline__ void barrier_init(std::uint32_t barrier, int arrivals) {
    asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
__device__ __forceinline__ void barrier_arrive(std::uint32_t barrier) {
    asm volatile("mbarrier.arrive.shared.b64 _, [%0];" ::"r"(barrier) : "memory");
}
// Arrives once all of this thread's copies so far have landed; the count was reserved at initialisation.
__device__ __forceinline__ void barrier_arrive_after_copies(std::uint32_t barrier) {
    asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(barrier) : "memory");
}
__device__ __forceinline__ void barrier_wait(std::uint32_t barrier, std::uint32_t phase) {
    asm volatile(
        "{\n"
        ".reg .pred done;\n"
        "again:\n"
        "mbarrier.try_wait.parity.shared.b64 done, [%0], %1;\n"
        "@done bra ready;\n"
        "bra again;\n"
        "ready:\n"
        "}" ::"r"(barrier),
        "r"(phase)
        : "memory");
}
// Arrives, and has the phase end only after `bytes` have landed too.
__device__ __forceinline__ void barrier_arrive_expecting(std::uint32_t barrier, int bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}
// Makes initialised barriers visible to the copy engine.
__device__ __forceinline__ void fence_barrier_init() {
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
// The copy engine's: one box of the map (tensor_map.h), its first element in that column and row.
__device__ __forceinline__ void copy_box_async(std::uint32_t to, const CUtensorMap& map, int column, int row,
                                               std::uint32_t barrier) {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], "
        "[%4];" ::"r"(to),
        "l"(&map), "r"(column), "r"(row), "r"(barrier)
        : "memory");
}
// Makes shared memory written by ordinary stores or cp.async visible to wgmma's reads (the async proxy).
__device__ __forceinline__ void fence_async_proxy() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// ---- numbers

__device__ __forceinline__ std::uint32_t as_word(__half2 value) {
    return *reinterpret_cast<const std::uint32_t*>(&value);
}
__device__ __forceinline__ __half2 as_half2(std::uint32_t word) {
    return *reinterpret_cast<const __half2*>(&word);
}

// Rounds to float16, saturating: activations are bounded far below 65,504, and a value that is not must not
// become an infinity.
__device__ __forceinline__ __half2 to_half2(float low, float high) {
    constexpr float kLargest = 65504.0F;
    return __floats2half2_rn(fminf(fmaxf(low, -kLargest), kLargest), fminf(fmaxf(high, -kLargest), kLargest));
}

}  // namespace gptoss::backend::cuda

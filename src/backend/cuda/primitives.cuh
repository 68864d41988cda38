// The handful of instructions the decode kernels are made of, each under a readable name.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstddef>
#include <cstdint>

namespace gptoss::backend::cuda {

inline constexpr unsigned kAllLanes = 0xFFFFFFFFU;

__device__ inline std::uint32_t shared_address(const void* pointer) {
    return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

// --- Programmatic dependent launch: a kernel starts while the one before it still runs, and waits here for
// its results. Before sm_90 both are nothing, and stream order does the same, later.
__device__ inline void griddep_launch_dependents() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;");
#endif
}
__device__ inline void griddep_wait() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// --- Asynchronous copies from device to shared memory. Nothing is read when `valid` is false: zeros arrive.
__device__ inline void copy_16_bytes_async(std::uint32_t to_shared, const void* from, bool valid) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to_shared), "l"(from),
                 "r"(valid ? 16 : 0)
                 : "memory");
}
// The same for a stream of weights. Its pieces of 128 bytes do not start on a cache line: the L2 cache is
// asked for whole lines, whose other part another warp or the next piece wants.
__device__ inline void copy_16_bytes_async_line(std::uint32_t to_shared, const void* from,
                                                bool valid = true) {
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to_shared), "l"(from),
                 "r"(valid ? 16 : 0)
                 : "memory");
}
// Four bytes, through the L1 cache: their neighbours are wanted next.
__device__ inline void copy_4_bytes_async(std::uint32_t to_shared, const void* from, bool valid = true) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to_shared), "l"(from),
                 "r"(valid ? 4 : 0)
                 : "memory");
}
__device__ inline void copy_8_bytes_async(std::uint32_t to_shared, const void* from) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8;" ::"r"(to_shared), "l"(from) : "memory");
}
__device__ inline void commit_copies() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int kPending>
__device__ inline void wait_for_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

// A barrier among some of a block's warps; number 0 is __syncthreads'.
template <int kNumber, int kThreads>
__device__ inline void named_barrier() {
    asm volatile("bar.sync %0, %1;" ::"n"(kNumber), "n"(kThreads) : "memory");
}

// --- Dynamic shared memory by offset. Plain loads, so that the compiler may order them; offsets instead of
// pointers, so that an XOR of the address stays visible as shared memory.
__device__ inline std::byte* dynamic_shared() {
    extern __shared__ __align__(128) std::byte dynamic_shared_memory[];
    return dynamic_shared_memory;
}
template <typename T>
__device__ inline const T& shared_at(std::uint32_t offset) {
    return *reinterpret_cast<const T*>(dynamic_shared() + offset);
}

// 16 bytes that are read once: no room in the L1 cache for them.
__device__ inline uint4 load_streaming_128(const void* pointer) {
    uint4 value;
    asm volatile("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
                 : "l"(pointer)
                 : "memory");
    return value;
}
__device__ inline uint2 load_streaming_64(const void* pointer) {
    uint2 value;
    asm volatile("ld.global.L1::no_allocate.v2.u32 {%0, %1}, [%2];"
                 : "=r"(value.x), "=r"(value.y)
                 : "l"(pointer)
                 : "memory");
    return value;
}

// --- Tensor cores: c += a * b for a 16 x 16 (rows), b 16 x 8 (columns), c 16 x 8. Fragments by lane, with
// g = lane / 4 and t = lane % 4 (PTX ISA, mma.m16n8k16): a[0] row g, k 2t and 2t + 1; a[1] row g + 8, the
// same k; a[2], a[3] the same rows, k + 8; b[0] column g, k 2t and 2t + 1; b[1] k + 8; c[0], c[1] row g,
// columns 2t and 2t + 1; c[2], c[3] row g + 8. Which values stand at which k does not matter as long as a and
// b agree.
struct MmaF16 {  // float16 operands
    static __device__ inline void multiply_add(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                               std::uint32_t b1) {
        asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
            "{%0, %1, %2, %3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    }
    static __device__ inline std::uint32_t pack(float low, float high) {
        const __half2 pair = __floats2half2_rn(low, high);
        return *reinterpret_cast<const std::uint32_t*>(&pair);
    }
    static __device__ inline float2 unpack(std::uint32_t pair) {
        return __half22float2(*reinterpret_cast<const __half2*>(&pair));
    }
};
struct MmaBf16 {  // bfloat16 operands
    static __device__ inline void multiply_add(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                               std::uint32_t b1) {
        asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, "
            "%9}, {%0, %1, %2, %3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    }
    static __device__ inline std::uint32_t pack(float low, float high) {
        const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
        return *reinterpret_cast<const std::uint32_t*>(&pair);
    }
    static __device__ inline float2 unpack(std::uint32_t pair) {
        return {__uint_as_float(pair << 16), __uint_as_float(pair & 0xFFFF0000U)};
    }
};

// --- Sums that many blocks add to. Integers, because the order of additions changes a float sum and the same
// input must give the same output: fixed point with the given number of fraction bits.
inline constexpr int kLogitFractionBits = 32;   // +-2e9, steps of 2e-10
inline constexpr int kSquareFractionBits = 20;  // up to 8.8e12: a residual of rms 55,000 at width 2880

__device__ inline long long to_fixed_point(float value, int fraction_bits) {
    return __float2ll_rn(value * static_cast<float>(1LL << fraction_bits));
}
__device__ inline float from_fixed_point(long long value, int fraction_bits) {
    return static_cast<float>(value) * (1.0F / static_cast<float>(1LL << fraction_bits));
}
__device__ inline void add_fixed_point(long long* sum, float value, int fraction_bits) {
    atomicAdd(reinterpret_cast<unsigned long long*>(sum),
              static_cast<unsigned long long>(to_fixed_point(value, fraction_bits)));
}

// n / d for 0 <= n < 2^20 and 0 < d < 2^12, in a few instructions: (n + 1/2) / d is at least 1 / (2 d) away
// from a whole number, more than the error of an approximate reciprocal.
__device__ inline int quotient(int n, int d) {
    float reciprocal;  // one instruction: a division keeps more for numbers too small to be normal
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(reciprocal) : "f"(static_cast<float>(d)));
    return static_cast<int>((static_cast<float>(n) + 0.5F) * reciprocal);
}

// 2^x in one instruction (exp2f() adds two for subnormal results, which no softmax needs); minus infinity
// gives zero.
__device__ __forceinline__ float power_of_two(float x) {
    float result;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
}

__device__ inline float warp_sum(float value) {
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(kAllLanes, value, offset);
    return value;
}

// Floats as unsigned integers in the same order; NaN below everything.
__device__ inline std::uint32_t ordered_bits(float value) {
    const std::uint32_t bits = __float_as_uint(value);
    if (value != value) return 0;
    return bits ^ ((bits >> 31) != 0 ? 0xFFFFFFFFU : 0x80000000U);
}
__device__ inline float from_ordered_bits(std::uint32_t ordered) {
    return __uint_as_float(ordered ^ ((ordered >> 31) != 0 ? 0x80000000U : 0xFFFFFFFFU));
}

}  // namespace gptoss::backend::cuda

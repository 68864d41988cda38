// wgmma with A in registers (weight rows) or shared memory, B in shared memory (tokens), float32 sums: one instruction a
// token count, because the count fixes the number of sum registers. Regular text, one block a count.
#pragma once

#include <cstdint>

namespace gptoss::backend::cuda {

__device__ __forceinline__ void warpgroup_fence() {
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void warpgroup_commit() {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int groups_left>
__device__ __forceinline__ void warpgroup_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(groups_left) : "memory");
}

// A compiler fence on the accumulators. wgmma.wait_group names no registers, so the compiler may move reads of the
// accumulators above it.
template <int count>
__device__ __forceinline__ void fence_accumulators(float (&sums)[count][4]) {
#pragma unroll
    for (int i = 0; i < count; ++i)
        asm volatile("" : "+f"(sums[i][0]), "+f"(sums[i][1]), "+f"(sums[i][2]), "+f"(sums[i][3])::"memory");
}

// The accumulators of groups of eight columns as operands of asm: a list cannot be made by a loop or a template.
#define GPTOSS_SUMS(group) \
    "+f"(sums[group][0]), "+f"(sums[group][1]), "+f"(sums[group][2]), "+f"(sums[group][3])
#define GPTOSS_TWO_SUMS(first) GPTOSS_SUMS(first), GPTOSS_SUMS((first) + 1)
#define GPTOSS_EIGHT_SUMS(first)                                                        \
    GPTOSS_TWO_SUMS(first), GPTOSS_TWO_SUMS((first) + 2), GPTOSS_TWO_SUMS((first) + 4), \
        GPTOSS_TWO_SUMS((first) + 6)

// sums = a * b, or += where `accumulate`: a is 64 x 16, bfloat16 where `is_bf16` and float16 otherwise, over the
// warpgroup's lanes; b is 16 x 64, a column of it contiguous in shared memory.
template <bool is_bf16>
__device__ __forceinline__ void warpgroup_multiply_64(float (&sums)[8][4], const std::uint32_t (&a)[4],
                                                      std::uint64_t b, bool accumulate) {
    if constexpr (is_bf16) {
        asm volatile(
            "{ .reg .pred accumulate; setp.ne.b32 accumulate, %37, 0; "
            "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {"
            "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
            "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
            "}, {%32, %33, %34, %35}, %36, accumulate, 1, 1, 0; }"
            : GPTOSS_EIGHT_SUMS(0)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(static_cast<int>(accumulate)));
    } else {
        asm volatile(
            "{ .reg .pred accumulate; setp.ne.b32 accumulate, %37, 0; "
            "wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {"
            "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
            "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
            "}, {%32, %33, %34, %35}, %36, accumulate, 1, 1, 0; }"
            : GPTOSS_EIGHT_SUMS(0)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(static_cast<int>(accumulate)));
    }
}

// The same for 72 columns of b, added; a row of b is contiguous: attention's values and a column of ones.
template <bool is_bf16>
__device__ __forceinline__ void warpgroup_multiply_72(float (&sums)[9][4], const std::uint32_t (&a)[4],
                                                      std::uint64_t b) {
    if constexpr (is_bf16) {
        asm volatile(
            "wgmma.mma_async.sync.aligned.m64n72k16.f32.bf16.bf16 {"
            "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, "
            "%21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35"
            "}, {%36, %37, %38, %39}, %40, 1, 1, 1, 1;"
            : GPTOSS_EIGHT_SUMS(0), GPTOSS_SUMS(8)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
    } else {
        asm volatile(
            "wgmma.mma_async.sync.aligned.m64n72k16.f32.f16.f16 {"
            "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, "
            "%21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35"
            "}, {%36, %37, %38, %39}, %40, 1, 1, 1, 1;"
            : GPTOSS_EIGHT_SUMS(0), GPTOSS_SUMS(8)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
    }
}

// The first `tokens` / 8 of sums += a * b; a is 64 x 16 float16 over the warpgroup's lanes, b 16 x tokens
// behind a descriptor.
template <int tokens, int groups>
__device__ __forceinline__ void warpgroup_multiply(float (&sums)[groups][4], const std::uint32_t (&a)[4],
                                                   std::uint64_t b) {
    static_assert(tokens == 16 || tokens == 32 || tokens == 48 || tokens == 64 || tokens == 80 ||
                  tokens == 96 || tokens == 128);
    static_assert(tokens / 8 <= groups);
    if constexpr (tokens == 16) {
        asm volatile(
            "{ .reg .pred accumulate; setp.ne.b32 accumulate, 1, 0; "
            "wgmma.mma_async.sync.aligned.m64n16k16.f32.f16.f16 {"
            "%0, %1, %2, %3, %4, %5, %6, %7"
            "}, {%8, %9, %10, %11}, %12, accumulate, 1, 1, 0; }"
            : GPTOSS_TWO_SUMS(0)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
    } else if constexpr (tokens == 32) {
        asm volatile(
            "{ .reg .pred accumulate; setp.ne.b32 accumulate, 1, 0; "
            "wgmma.mma_async.sync.aligned.m64n32k16.f32.f16.f16 {"
            "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
            "}, {%16, %17, %18, %19}, %20, accumulate, 1, 1, 0; }"
            : GPTOSS_TWO_SUMS(0), GPTOSS_TWO_SUMS(2)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
    } else if constexpr (tokens == 48) {
        asm volatile(
            "{ .reg .pred accumulate; setp.ne.b32 accumulate, 1, 0; "
            "wgmma.mma_async.sync.aligned.m64n48k16.f32.f16.f16 {"
            "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, "
            "%20, %21, %22, %23"
            "}, {%24, %25, %26, %27}, %28, accumulate, 1, 1, 0; }"
            : GPTOSS_TWO_SUMS(0), GPTOSS_TWO_SUMS(2), GPTOSS_TWO_SUMS(4)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
    } else if constexpr (tokens == 64) {
        asm volatile(
            "{ .reg .pred accumulate; setp.ne.b32 accumulate, 1, 0; "
            "wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {"
            "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, "
            "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
            "}, {%32, %33, %34, %35}, %36, accumulate, 1, 1, 0; }"
            : GPTOSS_EIGHT_SUMS(0)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
    } else if constexpr (tokens == 80) {
        asm volatile(
            "{ .reg .pred accumulate; setp.ne.b32 accumulate, 1, 0; "
            "wgmma.mma_async.sync.aligned.m64n80k16.f32.f16.f16 {"
            "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, "
            "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, "
            "%38, %39"
            "}, {%40, %41, %42, %43}, %44, accumulate, 1, 1, 0; }"
            : GPTOSS_EIGHT_SUMS(0), GPTOSS_TWO_SUMS(8)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
    } else if constexpr (tokens == 96) {
        asm volatile(
            "{ .reg .pred accumulate; setp.ne.b32 accumulate, 1, 0; "
            "wgmma.mma_async.sync.aligned.m64n96k16.f32.f16.f16 {"
            "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, "
            "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, "
            "%38, %39, %40, %41, %42, %43, %44, %45, %46, %47"
            "}, {%48, %49, %50, %51}, %52, accumulate, 1, 1, 0; }"
            : GPTOSS_EIGHT_SUMS(0), GPTOSS_TWO_SUMS(8), GPTOSS_TWO_SUMS(10)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
    } else if constexpr (tokens == 128) {
        asm volatile(
            "{ .reg .pred accumulate; setp.ne.b32 accumulate, 1, 0; "
            "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {"
            "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, "
            "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, "
            "%38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, "
            "%56, %57, %58, %59, %60, %61, %62, %63"
            "}, {%64, %65, %66, %67}, %68, accumulate, 1, 1, 0; }"
            : GPTOSS_EIGHT_SUMS(0), GPTOSS_EIGHT_SUMS(8)
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
    }
}

// sums += a * b: a is 64 x 16 and b 16 x `tokens` float16, each behind a descriptor (matrix_descriptor()), a row of a
// and a column of b contiguous.
template <int tokens>
__device__ __forceinline__ void warpgroup_multiply_shared(float (&sums)[tokens / 8][4], std::uint64_t a,
                                                          std::uint64_t b) {
    static_assert(tokens == 128 || tokens == 192 || tokens == 256);
    if constexpr (tokens == 128) {
        asm volatile(
            "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {"
            "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, "
            "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, "
            "%38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, "
            "%56, %57, %58, %59, %60, %61, %62, %63"
            "}, %64, %65, 1, 1, 1, 0, 0;"
            : GPTOSS_EIGHT_SUMS(0), GPTOSS_EIGHT_SUMS(8)
            : "l"(a), "l"(b));
    } else if constexpr (tokens == 192) {
        asm volatile(
            "wgmma.mma_async.sync.aligned.m64n192k16.f32.f16.f16 {"
            "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, "
            "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, "
            "%38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, "
            "%56, %57, %58, %59, %60, %61, %62, %63, %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, "
            "%74, %75, %76, %77, %78, %79, %80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, "
            "%92, %93, %94, %95"
            "}, %96, %97, 1, 1, 1, 0, 0;"
            : GPTOSS_EIGHT_SUMS(0), GPTOSS_EIGHT_SUMS(8), GPTOSS_EIGHT_SUMS(16)
            : "l"(a), "l"(b));
    } else if constexpr (tokens == 256) {
        asm volatile(
            "wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16 {"
            "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, "
            "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, "
            "%38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, "
            "%56, %57, %58, %59, %60, %61, %62, %63, %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, "
            "%74, %75, %76, %77, %78, %79, %80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, "
            "%92, %93, %94, %95, %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, "
            "%108, %109, %110, %111, %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, "
            "%123, %124, %125, %126, %127"
            "}, %128, %129, 1, 1, 1, 0, 0;"
            : GPTOSS_EIGHT_SUMS(0), GPTOSS_EIGHT_SUMS(8), GPTOSS_EIGHT_SUMS(16), GPTOSS_EIGHT_SUMS(24)
            : "l"(a), "l"(b));
    }
}

#undef GPTOSS_EIGHT_SUMS
#undef GPTOSS_TWO_SUMS
#undef GPTOSS_SUMS

// One block of 32 columns: two products, whose fragments and descriptor `b` (16 columns are 32 bytes) follow one another.
// Returns when the block before is done, so that its fragments are free.
template <int tokens, int groups>
__device__ __forceinline__ void multiply_block(float (&sums)[groups][4],
                                               const std::uint32_t (&fragments)[2][4], std::uint64_t b) {
    warpgroup_fence();
    warpgroup_multiply<tokens>(sums, fragments[0], b);
    warpgroup_multiply<tokens>(sums, fragments[1], b + 2);
    warpgroup_commit();
    warpgroup_wait<1>();
}

// A position in a ring of stages; the phase of its barriers flips when it wraps.
template <int stages>
struct StageRing {
    int stage = 0;
    std::uint32_t phase = 0;
    __device__ void advance() {
        if (++stage == stages) {
            stage = 0;
            phase ^= 1;
        }
    }
};

// The shared memory descriptor of wgmma (PTX ISA, "matrix descriptor"): start address, stride between groups of eight
// rows (1024 bytes), SWIZZLE_128B. The other stride is not used by matrices that are 128 bytes wide.
__device__ __forceinline__ std::uint64_t matrix_descriptor(std::uint32_t address) {
    constexpr std::uint64_t kGroup = 1024 >> 4, kExchange128 = 1;
    return std::uint64_t{(address & 0x3FFFF) >> 4} | kGroup << 16 | kGroup << 32 | kExchange128 << 62;
}

}  // namespace gptoss::backend::cuda

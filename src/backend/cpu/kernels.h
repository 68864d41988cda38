// The inner loops of the fast path, once per instruction set, chosen at run time.
//
// A matrix is stored in panels of 32 rows (packed_matrix.h), two vectors of 16 lanes, so that a vector lane
// is a row of the matrix and no sum runs across lanes. Activations meet integer weights as 16-bit integers
// with one scale for 32 values: twice the work of 8 bits, which memory leaves time for, and 256 times finer,
// so that the rounding does not flip nearly tied experts. Every output is summed in the same order whatever
// else is in the batch: a row's result does not depend, to the bit, on the rows it is computed beside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "backend/kernel_choice.h"

namespace gptoss::backend::cpu {

inline constexpr std::int32_t kHalfRows = 16;  // float32 lanes of a 512-bit vector
inline constexpr std::int32_t kPanelRows = 2 * kHalfRows;
inline constexpr std::int32_t kBlockColumns = 32;
// Activation rows a kernel call takes at most: they stay in the second-level cache (6.5 KB each at 2880
// columns) while panels pass by.
inline constexpr std::int32_t kMostRows = 64;
inline constexpr std::int32_t kHeadSize = 64;
inline constexpr std::int32_t kHeadTile = 4;  // query heads an attention kernel call takes at most

// A panel of integers is one stream of groups of 17 cache lines: scales, then the integers they belong to. A
// group is a block of int8, or two blocks of mxfp4 (the second empty at the end of an odd count).
inline constexpr std::size_t kGroupBytes = 64 + 1024;
inline constexpr std::int32_t kMxfp4GroupBlocks = 2;

// How far ahead of the arithmetic weights are asked for, to cover the latency of memory at full bandwidth.
// The end of a panel asks for the beginning of the next; after the last lies as much room, since asking beyond
// the mapping is harmless but slow.
inline constexpr std::size_t kPrefetchBytes = 4096;

// Integer weights are stored as unsigned bytes, value + 128 (the dot-product instruction wants one unsigned
// side). `correction` is -128 times the block's sum of activations and undoes that.
struct BlockScale {
    float scale = 0;
    std::int32_t correction = 0;
};

// A quantised row of activations: 64 bytes and one BlockScale for each block of 32 columns. The order inside
// the 64 bytes is the kernel set's own.
struct QuantizedRow {
    std::byte* values = nullptr;
    BlockScale* scales = nullptr;
};

// A row of activations as the matrix kernels read it: integer formats read the quantised form, the others the
// floats.
struct ActivationRow {
    const float* floats = nullptr;
    const std::byte* values = nullptr;
    const BlockScale* scales = nullptr;
};

// out[row][0..31] = panel . row, for 1 to kMostRows rows; `out` has room for kMostRows, since a kernel may
// write more rows than it was given. `blocks` = columns / kBlockColumns.
using PanelDot = void (*)(const std::byte* panel, std::int32_t blocks, const ActivationRow* rows,
                          std::int32_t row_count, float* out);

// One head's keys and values of a block of 64 tokens: integers as float32, with a scale a token
// (kv_element.h).
struct KvView {
    const float* keys = nullptr;    // [64 dims][64 tokens]
    const float* values = nullptr;  // [64 tokens][64 dims]
    const float* key_scales = nullptr;
    const float* value_scales = nullptr;
};

// What a query has seen so far of its keys: the largest score, the sum of exp(score - maximum), and the
// values weighted by that.
struct alignas(64) AttentionState {
    float output[kHeadSize];
    float maximum;
    float sum;
};

// Up to kHeadTile query heads that share keys and a position look at tokens first_key .. last_key of a block.
// Queries are scaled already.
using AttendBlock = void (*)(const float* const* queries, std::int32_t heads, const KvView& block,
                             std::int32_t first_key, std::int32_t last_key, AttentionState* const* states);

struct Kernels {
    std::string_view name;

    PanelDot dot_mxfp4, dot_int8, dot_float32, dot_bfloat16, dot_float16;

    // One block of 32 values, in place `block` of the row.
    void (*quantize_block)(const float* values, QuantizedRow row, std::int32_t block);

    // out = x / rms(x) * gain
    void (*rms_norm)(const float* x, const float* gain, std::int32_t count, float epsilon, float* out);

    // out = silu-like(gate) * (up + 1), clamped, of `count` values (a multiple of 16).
    void (*swiglu)(const float* gate, const float* up, std::int32_t count, float* out);

    AttendBlock attend_block;

    // Reads memory as fast as it comes: what the bandwidth is measured with. `bytes` is a multiple of 1024.
    std::uint64_t (*sum_words)(const std::byte* from, std::size_t bytes);

    // `count` integers (a multiple of 16) as float32.
    void (*widen_int16)(const std::byte* from, std::int32_t count, float* to);
    void (*widen_int8)(const std::byte* from, std::int32_t count, float* to);
};

const Kernels& portable_kernels();
#if defined(__x86_64__)
const Kernels& avx2_kernels();    // AVX2, FMA, F16C
const Kernels& avx512_kernels();  // AVX-512 F, BW, DQ, VL, VNNI
const Kernels& amx_kernels();     // the same and AMX for many rows; only where is_amx_usable() (amx.h)
#endif

// The best the machine has.
const Kernels& best_kernels();
// The best of those that are not banned and, where one is preferred, that one. Throws Error(device_failed) when
// all are banned.
const Kernels& choose_kernels(const KernelChoice& choice);

}  // namespace gptoss::backend::cpu

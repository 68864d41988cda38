// AVX2 with FMA and F16C: weights are widened to 16 bits and multiplied by 16-bit activations, two products a
// sum.
#include <immintrin.h>

#include "backend/cpu/kernels.h"
#include "backend/cpu/kernels_shared.h"

namespace gptoss::backend::cpu {
namespace {

struct LoadFloat16 {
    static constexpr std::size_t kBytes = 2;
    [[gnu::always_inline]] static FloatLanes lanes(const std::byte* from) {
        return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
    }
};

// The 64 bytes of a quantised block: sixteen pairs of 16-bit values. Of every four columns first the even
// ones, then the odd ones: that is how bytes of weights fall apart under a mask and a shift.
void quantize_block(const float* values, QuantizedRow row, std::int32_t block) {
    std::int32_t integers[kBlockColumns];
    row.scales[block] = quantise_to_integers(values, integers);
    std::int16_t out[kBlockColumns];
    for (int column = 0; column < kBlockColumns; ++column) {
        const int place = column % 4;
        out[column - place + (place % 2) * 2 + place / 2] = static_cast<std::int16_t>(integers[column]);
    }
    std::memcpy(row.values + std::size_t{64} * block, out, sizeof out);
}

[[gnu::always_inline]] inline __m256i load256(const std::byte* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
[[gnu::always_inline]] inline __m256i broadcast4(const std::byte* from) {
    std::int32_t word;
    std::memcpy(&word, from, sizeof word);
    return _mm256_set1_epi32(word);
}

// Sums of one block for half a panel, in two registers of eight rows, and kRows rows of activations.
template <int kRows>
struct BlockAccumulators {
    __m256i accumulators[2][kRows];

    [[gnu::always_inline]] void start(const ActivationRow* rows, std::int32_t block) {
        for (int row = 0; row < kRows; ++row)
            accumulators[0][row] = accumulators[1][row] =
                _mm256_set1_epi32(rows[row].scales[block].correction);
    }
    // Twice 32 unsigned bytes: eight rows x four columns each.
    [[gnu::always_inline]] void add(__m256i lower, __m256i upper, const ActivationRow* rows,
                                    std::int32_t block, int quad) {
        const __m256i mask = _mm256_set1_epi16(255);
        const __m256i even[2] = {_mm256_and_si256(lower, mask), _mm256_and_si256(upper, mask)};
        const __m256i odd[2] = {_mm256_srli_epi16(lower, 8), _mm256_srli_epi16(upper, 8)};
        for (int row = 0; row < kRows; ++row) {
            const std::byte* activations = rows[row].values + std::size_t{64} * block + 8 * quad;
            const __m256i first = broadcast4(activations), second = broadcast4(activations + 4);
            for (int eight = 0; eight < 2; ++eight) {
                accumulators[eight][row] =
                    _mm256_add_epi32(accumulators[eight][row], _mm256_madd_epi16(even[eight], first));
                accumulators[eight][row] =
                    _mm256_add_epi32(accumulators[eight][row], _mm256_madd_epi16(odd[eight], second));
            }
        }
    }
};

template <int kRows>
[[gnu::always_inline]] inline void store_accumulators(const __m256 (&accumulators)[2][kRows], float* out) {
    for (int row = 0; row < kRows; ++row)
        for (int eight = 0; eight < 2; ++eight)
            _mm256_storeu_ps(out + kPanelRows * row + 8 * eight, accumulators[eight][row]);
}

[[gnu::always_inline]] inline void prefetch(const std::byte* from) {
    _mm_prefetch(reinterpret_cast<const char*>(from) + kPrefetchBytes, _MM_HINT_T0);
}

// Half a panel: sixteen registers do not hold more accumulators.
template <int kRows>
[[gnu::always_inline]] inline void dot_mxfp4_half(const std::byte* panel, int half, std::int32_t blocks,
                                                  const ActivationRow* rows, float* out) {
    // Twice the value of each 4-bit code, plus 128.
    const __m256i table = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        -128, -127, -126, -125, -124, -122, -120, -116, -128, 127, 126, 125, 124, 122, 120, 116));
    const __m256i nibble = _mm256_set1_epi8(15);
    const auto look_up = [&](__m256i code) {
        return _mm256_shuffle_epi8(table, _mm256_and_si256(code, nibble));
    };
    __m256 accumulators[2][kRows] = {};
    for (std::int32_t block = 0; block < blocks; ++block) {
        const std::byte* group = panel + kGroupBytes * (block / kMxfp4GroupBlocks);
        const std::byte* scales = group + kPanelRows * (block % kMxfp4GroupBlocks) + kHalfRows * half;
        const std::byte* codes = group + 64 + 512 * (block % kMxfp4GroupBlocks) + 64 * half;
        BlockAccumulators<kRows> block_accumulators;
        block_accumulators.start(rows, block);
        for (int pair = 0; pair < 4; ++pair) {
            const __m256i lower = load256(codes + 128 * pair), upper = load256(codes + 128 * pair + 32);
            prefetch(codes + 128 * pair);
            block_accumulators.add(look_up(lower), look_up(upper), rows, block, 2 * pair);
            block_accumulators.add(look_up(_mm256_srli_epi16(lower, 4)), look_up(_mm256_srli_epi16(upper, 4)),
                                   rows, block, 2 * pair + 1);
        }
        for (int eight = 0; eight < 2; ++eight) {
            // Multiplying by 2^(e - 128) is adding e - 128 to the exponent field; packing has checked the
            // range.
            const __m128i stored = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(scales + 8 * eight));
            const __m256i exponents =
                _mm256_slli_epi32(_mm256_sub_epi32(_mm256_cvtepu8_epi32(stored), _mm256_set1_epi32(128)), 23);
            for (int row = 0; row < kRows; ++row) {
                const __m256i scale = _mm256_add_epi32(
                    exponents, _mm256_castps_si256(_mm256_set1_ps(rows[row].scales[block].scale)));
                accumulators[eight][row] =
                    _mm256_fmadd_ps(_mm256_cvtepi32_ps(block_accumulators.accumulators[eight][row]),
                                    _mm256_castsi256_ps(scale), accumulators[eight][row]);
            }
        }
    }
    store_accumulators(accumulators, out + kHalfRows * half);
}

template <int kRows>
[[gnu::always_inline]] inline void dot_int8_half(const std::byte* panel, int half, std::int32_t blocks,
                                                 const ActivationRow* rows, float* out) {
    __m256 accumulators[2][kRows] = {};
    for (std::int32_t block = 0; block < blocks; ++block) {
        const std::byte* scales = panel + kGroupBytes * block + 32 * half;
        const std::byte* weights = panel + kGroupBytes * block + 64 + 64 * half;
        BlockAccumulators<kRows> block_accumulators;
        block_accumulators.start(rows, block);
        for (int quad = 0; quad < 8; ++quad) {
            prefetch(weights + 128 * quad);
            block_accumulators.add(load256(weights + 128 * quad), load256(weights + 128 * quad + 32), rows,
                                   block, quad);
        }
        for (int eight = 0; eight < 2; ++eight) {
            const __m256 weight_scales =
                _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(scales + 16 * eight)));
            for (int row = 0; row < kRows; ++row) {
                const __m256 scale =
                    _mm256_mul_ps(weight_scales, _mm256_set1_ps(rows[row].scales[block].scale));
                accumulators[eight][row] =
                    _mm256_fmadd_ps(_mm256_cvtepi32_ps(block_accumulators.accumulators[eight][row]), scale,
                                    accumulators[eight][row]);
            }
        }
    }
    store_accumulators(accumulators, out + kHalfRows * half);
}

template <int kRows>
void dot_mxfp4_rows(const std::byte* panel, std::int32_t blocks, const ActivationRow* rows, float* out) {
    for (int half = 0; half < 2; ++half) dot_mxfp4_half<kRows>(panel, half, blocks, rows, out);
}
template <int kRows>
void dot_int8_rows(const std::byte* panel, std::int32_t blocks, const ActivationRow* rows, float* out) {
    for (int half = 0; half < 2; ++half) dot_int8_half<kRows>(panel, half, blocks, rows, out);
}

}  // namespace

const Kernels& avx2_kernels() {
    static constexpr Kernels kernels = kernel_set<LoadFloat16>(
        "AVX2", dot_by_rows<dot_mxfp4_rows<1>, dot_mxfp4_rows<2>, dot_mxfp4_rows<3>, dot_mxfp4_rows<4>>,
        dot_by_rows<dot_int8_rows<1>, dot_int8_rows<2>, dot_int8_rows<3>, dot_int8_rows<4>>, quantize_block);
    return kernels;
}

}  // namespace gptoss::backend::cpu

// AVX-512 with VNNI: one dot-product instruction multiplies 64 unsigned bytes of weights (16 rows x 4
// columns) by the same 4 signed bytes of activations and adds into 16 accumulators.
#include <immintrin.h>

#include "backend/cpu/kernels.h"
#include "backend/cpu/kernels_shared.h"

namespace gptoss::backend::cpu {
namespace {

struct LoadFloat16 {
    static constexpr std::size_t kBytes = 2;
    [[gnu::always_inline]] static FloatLanes lanes(const std::byte* from) {
        return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
    }
};

// The 64 bytes of a quantised block: 32 high bytes, then 32 low bytes; value = 256 * high + low, both signed.
void quantize_block(const float* values, QuantizedRow row, std::int32_t block) {
    std::int32_t integers[kBlockColumns];
    row.scales[block] = quantise_to_integers(values, integers);
    std::byte* out = row.values + std::size_t{64} * block;
    for (int half = 0; half < 2; ++half) {
        const __m512i v = _mm512_loadu_si512(integers + 16 * half);
        const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(v, _mm512_set1_epi32(128)), 8);
        const __m512i low = _mm512_sub_epi32(v, _mm512_slli_epi32(high, 8));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16 * half), _mm512_cvtepi32_epi8(high));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 32 + 16 * half), _mm512_cvtepi32_epi8(low));
    }
}

[[gnu::always_inline]] inline __m512i load512(const std::byte* from) {
    return _mm512_loadu_si512(from);
}

[[gnu::always_inline]] inline __m512i broadcast4(const std::byte* from) {
    std::int32_t word;
    std::memcpy(&word, from, sizeof word);
    return _mm512_set1_epi32(word);
}

// Sums of one block for the two halves of a panel and kRows rows.
template <int kRows>
struct BlockAccumulators {
    __m512i high[2][kRows], low[2][kRows];

    [[gnu::always_inline]] void start(const ActivationRow* rows, std::int32_t block) {
        for (int row = 0; row < kRows; ++row)
            for (int half = 0; half < 2; ++half) {
                high[half][row] = _mm512_setzero_si512();
                low[half][row] = _mm512_set1_epi32(rows[row].scales[block].correction);
            }
    }
    // Adds the products of four columns of the block: columns 4 * quad to 4 * quad + 3 of each half.
    [[gnu::always_inline]] void add(__m512i lower, __m512i upper, const ActivationRow* rows,
                                    std::int32_t block, int quad) {
        for (int row = 0; row < kRows; ++row) {
            const std::byte* activations = rows[row].values + std::size_t{64} * block + 4 * quad;
            const __m512i h = broadcast4(activations), l = broadcast4(activations + 32);
            high[0][row] = _mm512_dpbusd_epi32(high[0][row], lower, h);
            high[1][row] = _mm512_dpbusd_epi32(high[1][row], upper, h);
            low[0][row] = _mm512_dpbusd_epi32(low[0][row], lower, l);
            low[1][row] = _mm512_dpbusd_epi32(low[1][row], upper, l);
        }
    }
    [[gnu::always_inline]] __m512 total(int half, int row) const {
        return _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(high[half][row], 8), low[half][row]));
    }
};

template <int kRows>
[[gnu::always_inline]] inline void store_accumulators(const __m512 (&accumulators)[2][kRows], float* out) {
    for (int row = 0; row < kRows; ++row)
        for (int half = 0; half < 2; ++half)
            _mm512_storeu_ps(out + kPanelRows * row + kHalfRows * half, accumulators[half][row]);
}

[[gnu::always_inline]] inline void prefetch(const std::byte* from) {
    _mm_prefetch(reinterpret_cast<const char*>(from) + kPrefetchBytes, _MM_HINT_T0);
}

template <int kRows>
void dot_mxfp4_rows(const std::byte* panel, std::int32_t blocks, const ActivationRow* rows, float* out) {
    // Twice the value of each 4-bit code, plus 128.
    const __m512i table = _mm512_broadcast_i32x4(_mm_setr_epi8(-128, -127, -126, -125, -124, -122, -120, -116,
                                                               -128, 127, 126, 125, 124, 122, 120, 116));
    const __m512i nibble = _mm512_set1_epi8(15);
    const auto look_up = [&](__m512i code) {
        return _mm512_shuffle_epi8(table, _mm512_and_si512(code, nibble));
    };
    __m512 accumulators[2][kRows] = {};
    for (std::int32_t block = 0; block < blocks; ++block) {
        const std::byte* group = panel + kGroupBytes * (block / kMxfp4GroupBlocks);
        const std::byte* scales = group + kPanelRows * (block % kMxfp4GroupBlocks);
        const std::byte* codes = group + 64 + 512 * (block % kMxfp4GroupBlocks);
        BlockAccumulators<kRows> block_accumulators;
        block_accumulators.start(rows, block);
        prefetch(scales);
        for (int pair = 0; pair < 4; ++pair) {
            const __m512i lower = load512(codes + 128 * pair), upper = load512(codes + 128 * pair + 64);
            prefetch(codes + 128 * pair);
            prefetch(codes + 128 * pair + 64);
            block_accumulators.add(look_up(lower), look_up(upper), rows, block, 2 * pair);
            block_accumulators.add(look_up(_mm512_srli_epi16(lower, 4)), look_up(_mm512_srli_epi16(upper, 4)),
                                   rows, block, 2 * pair + 1);
        }
        for (int half = 0; half < 2; ++half) {
            // Multiplying by 2^(e - 128) is adding e - 128 to the exponent field; packing has checked the
            // range.
            const __m128i stored =
                _mm_loadu_si128(reinterpret_cast<const __m128i*>(scales + kHalfRows * half));
            const __m512i exponents =
                _mm512_slli_epi32(_mm512_sub_epi32(_mm512_cvtepu8_epi32(stored), _mm512_set1_epi32(128)), 23);
            for (int row = 0; row < kRows; ++row) {
                const __m512i scale = _mm512_add_epi32(
                    exponents, _mm512_castps_si512(_mm512_set1_ps(rows[row].scales[block].scale)));
                accumulators[half][row] = _mm512_fmadd_ps(
                    block_accumulators.total(half, row), _mm512_castsi512_ps(scale), accumulators[half][row]);
            }
        }
    }
    store_accumulators(accumulators, out);
}

template <int kRows>
void dot_int8_rows(const std::byte* panel, std::int32_t blocks, const ActivationRow* rows, float* out) {
    __m512 accumulators[2][kRows] = {};
    for (std::int32_t block = 0; block < blocks; ++block) {
        const std::byte* scales = panel + kGroupBytes * block;
        const std::byte* weights = scales + 64;
        prefetch(scales);
        BlockAccumulators<kRows> block_accumulators;
        block_accumulators.start(rows, block);
        for (int quad = 0; quad < 8; ++quad) {
            prefetch(weights + 128 * quad);
            prefetch(weights + 128 * quad + 64);
            block_accumulators.add(load512(weights + 128 * quad), load512(weights + 128 * quad + 64), rows,
                                   block, quad);
        }
        for (int half = 0; half < 2; ++half) {
            const __m512 weight_scales =
                _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(scales + 32 * half)));
            for (int row = 0; row < kRows; ++row)
                accumulators[half][row] = _mm512_fmadd_ps(
                    block_accumulators.total(half, row),
                    _mm512_mul_ps(weight_scales, _mm512_set1_ps(rows[row].scales[block].scale)),
                    accumulators[half][row]);
        }
    }
    store_accumulators(accumulators, out);
}

}  // namespace

const Kernels& avx512_kernels() {
    static constexpr Kernels kernels = kernel_set<LoadFloat16>(
        "AVX-512 VNNI",
        dot_by_rows<dot_mxfp4_rows<1>, dot_mxfp4_rows<2>, dot_mxfp4_rows<3>, dot_mxfp4_rows<4>>,
        dot_by_rows<dot_int8_rows<1>, dot_int8_rows<2>, dot_int8_rows<3>, dot_int8_rows<4>>, quantize_block);
    return kernels;
}

}  // namespace gptoss::backend::cpu

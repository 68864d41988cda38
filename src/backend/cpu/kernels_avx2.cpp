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
    row.scales[block] = to_integers(values, integers);
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

// Sums of one block for the two halves of a panel and kRows rows of activations.
template <int kRows>
struct BlockSums {
    __m256i sums[2][kRows];

    [[gnu::always_inline]] void start(const ActivationRow* rows, std::int32_t block) {
        for (int row = 0; row < kRows; ++row)
            sums[0][row] = sums[1][row] = _mm256_set1_epi32(rows[row].scales[block].correction);
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
            for (int half = 0; half < 2; ++half) {
                sums[half][row] = _mm256_add_epi32(sums[half][row], _mm256_madd_epi16(even[half], first));
                sums[half][row] = _mm256_add_epi32(sums[half][row], _mm256_madd_epi16(odd[half], second));
            }
        }
    }
};

constexpr std::int32_t kPrefetchBytes = 4096;

template <int kRows>
[[gnu::always_inline]] inline void store_sums(const __m256 (&sums)[2][kRows], float* out) {
    for (int row = 0; row < kRows; ++row) {
        _mm256_storeu_ps(out + 32 * row, sums[0][row]);
        _mm256_storeu_ps(out + 32 * row + 8, sums[1][row]);
    }
}

template <int kRows>
[[gnu::always_inline]] inline void dot_mxfp4_panel(const std::byte* codes, std::int32_t blocks,
                                                   const ActivationRow* rows, float* out) {
    // Twice the value of each 4-bit code, plus 128.
    const __m256i table = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        -128, -127, -126, -125, -124, -122, -120, -116, -128, 127, 126, 125, 124, 122, 120, 116));
    const __m256i nibble = _mm256_set1_epi8(15);
    const auto look_up = [&](__m256i code) {
        return _mm256_shuffle_epi8(table, _mm256_and_si256(code, nibble));
    };
    const std::byte* scales = codes + std::size_t{256} * blocks;
    __m256 sums[2][kRows] = {};
    for (std::int32_t block = 0; block < blocks; ++block, codes += 256, scales += 16) {
        BlockSums<kRows> block_sums;
        block_sums.start(rows, block);
        for (int pair = 0; pair < 4; ++pair) {
            const __m256i lower = load256(codes + 64 * pair), upper = load256(codes + 64 * pair + 32);
            if constexpr (kRows == 1) _mm_prefetch(codes + kPrefetchBytes + 64 * pair, _MM_HINT_T0);
            block_sums.add(look_up(lower), look_up(upper), rows, block, 2 * pair);
            block_sums.add(look_up(_mm256_srli_epi16(lower, 4)), look_up(_mm256_srli_epi16(upper, 4)), rows,
                           block, 2 * pair + 1);
        }
        for (int half = 0; half < 2; ++half) {
            // Multiplying by 2^(e - 128) is adding e - 128 to the exponent field; packing has checked the
            // range.
            const __m128i stored = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(scales + 8 * half));
            const __m256i exponents =
                _mm256_slli_epi32(_mm256_sub_epi32(_mm256_cvtepu8_epi32(stored), _mm256_set1_epi32(128)), 23);
            for (int row = 0; row < kRows; ++row) {
                const __m256i scale = _mm256_add_epi32(
                    exponents, _mm256_castps_si256(_mm256_set1_ps(rows[row].scales[block].scale)));
                sums[half][row] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(block_sums.sums[half][row]),
                                                  _mm256_castsi256_ps(scale), sums[half][row]);
            }
        }
    }
    store_sums(sums, out);
}

template <int kRows>
[[gnu::always_inline]] inline void dot_int8_panel(const std::byte* weights, std::int32_t blocks,
                                                  const ActivationRow* rows, float* out) {
    const std::byte* scales = weights + std::size_t{512} * blocks;
    __m256 sums[2][kRows] = {};
    for (std::int32_t block = 0; block < blocks; ++block, weights += 512, scales += 32) {
        BlockSums<kRows> block_sums;
        block_sums.start(rows, block);
        for (int quad = 0; quad < 8; ++quad) {
            if constexpr (kRows == 1) _mm_prefetch(weights + kPrefetchBytes + 64 * quad, _MM_HINT_T0);
            block_sums.add(load256(weights + 64 * quad), load256(weights + 64 * quad + 32), rows, block,
                           quad);
        }
        for (int half = 0; half < 2; ++half) {
            const __m256 weight_scales =
                _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(scales + 16 * half)));
            for (int row = 0; row < kRows; ++row) {
                const __m256 scale =
                    _mm256_mul_ps(weight_scales, _mm256_set1_ps(rows[row].scales[block].scale));
                sums[half][row] =
                    _mm256_fmadd_ps(_mm256_cvtepi32_ps(block_sums.sums[half][row]), scale, sums[half][row]);
            }
        }
    }
    store_sums(sums, out);
}

template <int kRows>
void dot_mxfp4_rows(const std::byte* first, const std::byte* second, std::int32_t blocks,
                    const ActivationRow* rows, float* out) {
    dot_mxfp4_panel<kRows>(first, blocks, rows, out);
    dot_mxfp4_panel<kRows>(second, blocks, rows, out + kPanelRows);
}
template <int kRows>
void dot_int8_rows(const std::byte* first, const std::byte* second, std::int32_t blocks,
                   const ActivationRow* rows, float* out) {
    dot_int8_panel<kRows>(first, blocks, rows, out);
    dot_int8_panel<kRows>(second, blocks, rows, out + kPanelRows);
}

void dot_mxfp4(const std::byte* first, const std::byte* second, std::int32_t blocks,
               const ActivationRow* rows, std::int32_t row_count, float* out) {
    switch (row_count) {
        case 1:
            return dot_mxfp4_rows<1>(first, second, blocks, rows, out);
        case 2:
            return dot_mxfp4_rows<2>(first, second, blocks, rows, out);
        case 3:
            return dot_mxfp4_rows<3>(first, second, blocks, rows, out);
        default:
            return dot_mxfp4_rows<4>(first, second, blocks, rows, out);
    }
}

void dot_int8(const std::byte* first, const std::byte* second, std::int32_t blocks, const ActivationRow* rows,
              std::int32_t row_count, float* out) {
    switch (row_count) {
        case 1:
            return dot_int8_rows<1>(first, second, blocks, rows, out);
        case 2:
            return dot_int8_rows<2>(first, second, blocks, rows, out);
        case 3:
            return dot_int8_rows<3>(first, second, blocks, rows, out);
        default:
            return dot_int8_rows<4>(first, second, blocks, rows, out);
    }
}

}  // namespace

const Kernels& avx2_kernels() {
    static constexpr Kernels kernels{
        .name = "AVX2",
        .dot_mxfp4 = dot_mxfp4,
        .dot_int8 = dot_int8,
        .dot_float32 = dot_floats<LoadFloat32>,
        .dot_bfloat16 = dot_floats<LoadBfloat16>,
        .dot_float16 = dot_floats<LoadFloat16>,
        .quantize_block = quantize_block,
        .rms_norm = rms_norm,
        .swiglu = swiglu,
        .attend_block = attend_block,
        .widen_int16 = widen<ShortLanes>,
        .widen_int8 = widen<ByteLanes>,
    };
    return kernels;
}

}  // namespace gptoss::backend::cpu

// AVX-512 with VNNI: one dot-product instruction multiplies 64 unsigned bytes of weights (16 rows x 4
// columns) by the same 4 signed bytes of activations and adds into 16 accumulators.
#include "backend/cpu/kernels_avx512.h"

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

template <typename Panel, int kRows>
void dot_rows(const std::byte* panel, std::int32_t blocks, const ActivationRow* rows, float* out) {
    __m512 accumulators[2][kRows] = {};
    for (std::int32_t block = 0; block < blocks; ++block) {
        BlockAccumulators<kRows> block_accumulators;
        block_accumulators.start(rows, block);
        Panel::for_quads(panel, block, [&](int quad, __m512i lower, __m512i upper) {
            block_accumulators.add(lower, upper, rows, block, quad);
        });
        for (int half = 0; half < 2; ++half) {
            const __m512 scales = Panel::scales(panel, block, half);
            for (int row = 0; row < kRows; ++row)
                accumulators[half][row] = _mm512_fmadd_ps(
                    block_accumulators.total(half, row), Panel::scaled(scales, rows[row].scales[block].scale),
                    accumulators[half][row]);
        }
    }
    for (int row = 0; row < kRows; ++row)
        for (int half = 0; half < 2; ++half)
            _mm512_storeu_ps(out + kPanelRows * row + kHalfRows * half, accumulators[half][row]);
}
template <typename Panel>
constexpr PanelDot kDot =
    dot_by_rows<dot_rows<Panel, 1>, dot_rows<Panel, 2>, dot_rows<Panel, 3>, dot_rows<Panel, 4>>;

}  // namespace

const Kernels& avx512_kernels() {
    static constexpr Kernels kernels =
        kernel_set<LoadFloat16>("AVX-512 VNNI", kDot<Mxfp4Panel>, kDot<Int8Panel>, quantize_block);
    return kernels;
}

}  // namespace gptoss::backend::cpu

// How AVX-512 reads a panel of integer weights, whether VNNI or AMX multiplies them. In an unnamed namespace and
// without library templates, as kernels_shared.h.
#pragma once

#include <immintrin.h>

#include "backend/cpu/kernels.h"

namespace gptoss::backend::cpu {
namespace {

[[gnu::always_inline]] inline __m512i load512(const std::byte* from) {
    return _mm512_loadu_si512(from);
}

[[gnu::always_inline]] inline void prefetch(const std::byte* from) {
    _mm_prefetch(reinterpret_cast<const char*>(from) + kPrefetchBytes, _MM_HINT_T0);
}

struct Mxfp4Panel {
    // Calls visit(quad, lower, upper) with the bytes (value + 128) of columns 4 * quad to 4 * quad + 3 of a block,
    // of the panel's two halves.
    template <typename Visit>
    [[gnu::always_inline]] static void for_quads(const std::byte* panel, std::int32_t block, Visit&& visit) {
        // Twice the value of each 4-bit code, plus 128.
        const __m512i table = _mm512_broadcast_i32x4(_mm_setr_epi8(
            -128, -127, -126, -125, -124, -122, -120, -116, -128, 127, 126, 125, 124, 122, 120, 116));
        const __m512i nibble = _mm512_set1_epi8(15);
        const auto look_up = [&](__m512i code) {
            return _mm512_shuffle_epi8(table, _mm512_and_si512(code, nibble));
        };
        prefetch(scales_of(panel, block));
        const std::byte* codes = group_of(panel, block) + 64 + 512 * (block % kMxfp4GroupBlocks);
        for (int pair = 0; pair < 4; ++pair) {
            const __m512i lower = load512(codes + 128 * pair), upper = load512(codes + 128 * pair + 64);
            prefetch(codes + 128 * pair);
            prefetch(codes + 128 * pair + 64);
            visit(2 * pair, look_up(lower), look_up(upper));
            visit(2 * pair + 1, look_up(_mm512_srli_epi16(lower, 4)), look_up(_mm512_srli_epi16(upper, 4)));
        }
    }
    // What scaled() makes scales of. Multiplying by 2^(e - 128) is adding e - 128 to the exponent field; packing
    // has checked the range.
    [[gnu::always_inline]] static __m512 scales(const std::byte* panel, std::int32_t block, int half) {
        const __m128i stored =
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(scales_of(panel, block) + kHalfRows * half));
        return _mm512_castsi512_ps(
            _mm512_slli_epi32(_mm512_sub_epi32(_mm512_cvtepu8_epi32(stored), _mm512_set1_epi32(128)), 23));
    }
    [[gnu::always_inline]] static __m512 scaled(__m512 scales, float activation_scale) {
        return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(scales),
                                                    _mm512_castps_si512(_mm512_set1_ps(activation_scale))));
    }

  private:
    static const std::byte* group_of(const std::byte* panel, std::int32_t block) {
        return panel + kGroupBytes * (block / kMxfp4GroupBlocks);
    }
    static const std::byte* scales_of(const std::byte* panel, std::int32_t block) {
        return group_of(panel, block) + kPanelRows * (block % kMxfp4GroupBlocks);
    }
};

struct Int8Panel {
    template <typename Visit>
    [[gnu::always_inline]] static void for_quads(const std::byte* panel, std::int32_t block, Visit&& visit) {
        const std::byte* group = panel + kGroupBytes * block;
        prefetch(group);
        const std::byte* weights = group + 64;
        for (int quad = 0; quad < 8; ++quad) {
            prefetch(weights + 128 * quad);
            prefetch(weights + 128 * quad + 64);
            visit(quad, load512(weights + 128 * quad), load512(weights + 128 * quad + 64));
        }
    }
    [[gnu::always_inline]] static __m512 scales(const std::byte* panel, std::int32_t block, int half) {
        const std::byte* stored = panel + kGroupBytes * block + 32 * half;
        return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(stored)));
    }
    [[gnu::always_inline]] static __m512 scaled(__m512 scales, float activation_scale) {
        return _mm512_mul_ps(scales, _mm512_set1_ps(activation_scale));
    }
};

}  // namespace
}  // namespace gptoss::backend::cpu

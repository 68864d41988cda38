// AMX: one instruction multiplies a tile of 16 rows of activations by a block of half a panel. The sums of a block
// are integers, exact in any order, and are scaled as the AVX-512 set does it: the results are the same bits.
#include "backend/cpu/kernels_avx512.h"

namespace gptoss::backend::cpu {
namespace {

constexpr int kTileRows = 16;  // of activations
constexpr int kQuads = kBlockColumns / 4;

// A whole tile takes as long for one row as for sixteen: fewer rows than this are left to VNNI.
constexpr std::int32_t kLeastTileRows = 9;

// --- the instructions (Intel 64 SDM, volume 1, chapter 18) ---
// As assembly, because GCC 12's intrinsics do not say that loading a tile reads memory (what was stored there
// before may be dropped), and take no constant of C++ as a tile.

enum Tile { kHighSums, kLowSums, kHighActivations, kLowActivations, kWeights };

// The 64 bytes that LDTILECFG reads.
struct alignas(64) TileShapes {
    std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t row_bytes[16] = {64, 64, 32, 32, 64};
    std::uint8_t rows[16] = {kTileRows, kTileRows, kTileRows, kTileRows, kQuads};
};
static_assert(sizeof(TileShapes) == 64);
constexpr TileShapes kTileShapes;

// A thread has tiles from here on until it releases them; then the system need not save them with it.
void configure_tiles() {
    asm volatile("ldtilecfg %0" ::"m"(kTileShapes) : "memory");
}
void release_tiles() {
    asm volatile("tilerelease" ::: "memory");
}
constexpr std::int64_t kStride = 64;  // from row to row in memory
template <Tile kTile>
[[gnu::always_inline]] inline void load_tile(const void* from) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(kStride), "i"(kTile) : "memory");
}
template <Tile kTile>
[[gnu::always_inline]] inline void store_tile(void* to) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(kStride), "i"(kTile) : "memory");
}
// sums = activations . weights, of signed bytes
template <Tile kSums, Tile kActivations>
[[gnu::always_inline]] inline void multiply_tiles() {
    asm volatile("tilezero %%tmm%c0" ::"i"(kSums));
    asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSums), "i"(kActivations), "i"(kWeights));
}

// --- products ---

// A stretch of a panel's blocks as tiles read it: 24 KB that stay in the first-level cache while rows pass by.
template <typename Panel>
class Stretch {
  public:
    static constexpr std::int32_t kMostBlocks = 8;

    void unpack_weights(const std::byte* panel, std::int32_t first_block, std::int32_t blocks) {
        const __m512i sign = _mm512_set1_epi8(-128);  // value + 128, as stored, becomes the value
        blocks_ = blocks;
        for (std::int32_t block = 0; block < blocks; ++block) {
            Panel::for_quads(panel, first_block + block, [&](int quad, __m512i lower, __m512i upper) {
                _mm512_store_si512(weights_[block][0][quad], _mm512_xor_si512(lower, sign));
                _mm512_store_si512(weights_[block][1][quad], _mm512_xor_si512(upper, sign));
            });
            for (int half = 0; half < 2; ++half)
                weight_scales_[block][half] = Panel::scales(panel, first_block + block, half);
        }
    }

    // Rows of activations lie anywhere, rows of a tile at even distances. The last row fills a tile that lacks some.
    void gather_activations(const ActivationRow* rows, std::int32_t row_count, std::int32_t first_block) {
        for (int i = 0; i < kTileRows; ++i) {
            const ActivationRow& row = rows[i < row_count ? i : row_count - 1];
            for (std::int32_t block = 0; block < blocks_; ++block) {
                _mm512_store_si512(activations_[block][i],
                                   load512(row.values + std::size_t{64} * (first_block + block)));
                activation_scales_[block][i] = row.scales[first_block + block].scale;
            }
        }
    }

    // out[row] (+)= half a panel . row, for the rows gathered. The tiles multiply the next block while the vector
    // units scale this one's sums.
    void add_products(int half, bool from_zero, float* out) {
        __m512 accumulators[kTileRows];
#pragma GCC unroll 16
        for (int row = 0; row < kTileRows; ++row)
            accumulators[row] = from_zero ? _mm512_setzero_ps() : _mm512_loadu_ps(out + kPanelRows * row);
        multiply(0, half);
        for (std::int32_t block = 0; block < blocks_; ++block) {
            if (block + 1 < blocks_) multiply(block + 1, half);
            const __m512 scales = weight_scales_[block][half];
            const auto& high = sums_[block % 2][0];
            const auto& low = sums_[block % 2][1];
#pragma GCC unroll 16
            for (int row = 0; row < kTileRows; ++row) {
                const __m512i total = _mm512_add_epi32(_mm512_slli_epi32(_mm512_load_si512(high[row]), 8),
                                                       _mm512_load_si512(low[row]));
                accumulators[row] =
                    _mm512_fmadd_ps(_mm512_cvtepi32_ps(total),
                                    Panel::scaled(scales, activation_scales_[block][row]), accumulators[row]);
            }
        }
#pragma GCC unroll 16
        for (int row = 0; row < kTileRows; ++row) _mm512_storeu_ps(out + kPanelRows * row, accumulators[row]);
    }

  private:
    [[gnu::always_inline]] void multiply(std::int32_t block, int half) {
        load_tile<kWeights>(weights_[block][half]);
        load_tile<kHighActivations>(activations_[block]);
        load_tile<kLowActivations>(activations_[block][0] + 32);
        multiply_tiles<kHighSums, kHighActivations>();
        multiply_tiles<kLowSums, kLowActivations>();
        store_tile<kHighSums>(sums_[block % 2][0]);
        store_tile<kLowSums>(sums_[block % 2][1]);
    }

    std::int32_t blocks_ = 0;
    alignas(64) std::byte weights_[kMostBlocks][2][kQuads][64];
    alignas(64) std::byte activations_[kMostBlocks][kTileRows][64];  // 32 high bytes, 32 low ones
    alignas(64) std::int32_t sums_[2][2][kTileRows][kHalfRows];      // of two blocks: high, low
    __m512 weight_scales_[kMostBlocks][2];
    float activation_scales_[kMostBlocks][kTileRows];
};

template <typename Panel, PanelDot Kernels::*kFewRows>
void dot(const std::byte* panel, std::int32_t blocks, const ActivationRow* rows, std::int32_t row_count,
         float* out) {
    const std::int32_t rest = row_count % kTileRows;
    const std::int32_t in_tiles = rest < kLeastTileRows ? row_count - rest : row_count;
    if (in_tiles > 0) {
        Stretch<Panel> stretch;
        configure_tiles();
        for (std::int32_t block = 0; block < blocks; block += stretch.kMostBlocks) {
            const std::int32_t left = blocks - block;
            stretch.unpack_weights(panel, block, left < stretch.kMostBlocks ? left : stretch.kMostBlocks);
            for (std::int32_t row = 0; row < in_tiles; row += kTileRows) {
                stretch.gather_activations(rows + row, in_tiles - row, block);
                for (int half = 0; half < 2; ++half)
                    stretch.add_products(half, block == 0, out + kPanelRows * row + kHalfRows * half);
            }
        }
        release_tiles();
    }
    if (in_tiles < row_count)
        (avx512_kernels().*kFewRows)(panel, blocks, rows + in_tiles, row_count - in_tiles,
                                     out + kPanelRows * in_tiles);
}

}  // namespace

// The AVX-512 set but for the integer products of many rows.
const Kernels& amx_kernels() {
    static const Kernels kernels = [] {
        Kernels set = avx512_kernels();
        set.name = "AMX";
        set.dot_mxfp4 = dot<Mxfp4Panel, &Kernels::dot_mxfp4>;
        set.dot_int8 = dot<Int8Panel, &Kernels::dot_int8>;
        return set;
    }();
    return kernels;
}

}  // namespace gptoss::backend::cpu

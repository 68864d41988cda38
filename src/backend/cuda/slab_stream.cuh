// The heart of decoding: streams a tall matrix once and multiplies it with a few activation rows.
//
// The matrix is cut into tiles of 8 rows and slabs of 8 rows x 128 bytes. A block owns a run of tiles; its
// warps own equal runs of the block's slabs, in order, whatever tile they fall into. Each warp copies its
// slabs through a ring in shared memory of its own, kDepth slabs ahead: no barrier between warps, no
// registers held by loads in flight, and the first slabs can be on their way before the previous kernel has
// finished.
//
// A slab's left half (64 bytes a row) and right half are the upper and lower 8 rows of one 16 x 16 tensor
// core operand: 8 rows of weights fill it, and the 8 columns of the other operand are 4 activation rows at
// the left half's elements and the same 4 rows at the right half's. The two 8 x 4 results that make sense are
// added at the end. A lane's scale is that of its own row, half and block, so a scale costs one
// multiplication per block.
//
// Sums are formed in an order that depends on the shapes and the number of blocks alone: the same input gives
// the same bits.
#pragma once

#include "backend/cuda/activations.cuh"
#include "backend/cuda/primitives.cuh"
#include "backend/cuda/weights.h"

namespace gptoss::backend::cuda {

inline constexpr int kStreamWarps = 16;
inline constexpr int kStreamThreads = kStreamWarps * 32;
inline constexpr int kTileRows = 8;
inline constexpr int kSlabRowBytes = 128;
inline constexpr int kSlabValueBytes = kTileRows * kSlabRowBytes;
inline constexpr int kSlabScaleRowBytes = 8;
inline constexpr int kSlabBytes = kSlabValueBytes + kTileRows * kSlabScaleRowBytes;
// 16 warps x 5 slabs x 1088 bytes = 87 KB a block: two kernels of a step fit on a multiprocessor together,
// and together they hold more bytes in flight than an H100's memory needs to be busy (about 20 KB a
// multiprocessor).
inline constexpr int kDepth = 5;
inline constexpr int kRingBytes = kStreamWarps * kDepth * kSlabBytes;

constexpr __host__ __device__ int slab_columns(PlaneType type) {
    return type == PlaneType::mxfp4 ? 256 : type == PlaneType::q8_0 ? 128 : 64;
}
constexpr __host__ __device__ int slabs_a_tile(PlaneType type, int columns) {
    return (columns + slab_columns(type) - 1) / slab_columns(type);
}
// Bytes of an activation row in shared memory: whole slabs, and 64 more so that neighbouring rows fall into
// different banks.
constexpr __host__ __device__ int activation_stride_bytes(PlaneType type, int columns) {
    return slabs_a_tile(type, columns) * slab_columns(type) * 2 + 64;
}

// Matrix rows as tiles.
struct TileAddress {
    const std::byte* values;
    const std::byte* scales;
};
__device__ inline TileAddress tile_address(const DeviceMatrix& matrix, std::int64_t first_row) {
    return {matrix.values + first_row * matrix.value_stride_bytes,
            matrix.scales + first_row * matrix.scale_stride_bytes};
}

// The tiles of block `block` when `tiles` are dealt to `blocks`.
struct TileRun {
    int first;
    int count;
};
__device__ inline TileRun tiles_of_block(int tiles, int block, int blocks) {
    const int first = static_cast<int>(static_cast<std::int64_t>(tiles) * block / blocks);
    const int last = static_cast<int>(static_cast<std::int64_t>(tiles) * (block + 1) / blocks);
    return {first, last - first};
}

// Results of a block in shared memory. `sums` [tiles][8][columns] holds what the warp that began a tile
// found, `partials` [warps][8][columns] what a warp found that began in the middle of a tile.
template <int kColumns>
struct TileSums {
    float* sums;
    float* partials;
    int tiles;
    int slabs_per_tile;

    static constexpr int bytes(int tile_count) {
        return (tile_count + kStreamWarps) * kTileRows * kColumns * static_cast<int>(sizeof(float));
    }
    __device__ TileSums(std::byte* memory, int tile_capacity, int tile_count, int slabs)
        : sums(reinterpret_cast<float*>(memory)),
          partials(sums + tile_capacity * kTileRows * kColumns),
          tiles(tile_count),
          slabs_per_tile(slabs) {}

    __device__ int first_slab(int warp) const { return tiles * slabs_per_tile * warp / kStreamWarps; }

    // Valid after a block barrier behind run().
    __device__ float at(int tile, int row, int column) const {
        const int begin = tile * slabs_per_tile, end = begin + slabs_per_tile;
        const int place = row * kColumns + column;
        float sum = sums[tile * kTileRows * kColumns + place];
        // The first warp that may have begun behind the tile's first slab, and those after it.
        for (int warp = begin * kStreamWarps / (tiles * slabs_per_tile) + 1; warp < kStreamWarps; ++warp) {
            const int first = first_slab(warp);
            if (first >= end) break;
            if (first > begin && first < first_slab(warp + 1))
                sum += partials[warp * kTileRows * kColumns + place];
        }
        return sum;
    }
};

// One warp's run through its slabs. `TileOf` maps a tile of the block (0 ..) to its TileAddress.
// kGroups groups of 4 activation rows.
template <PlaneType kType, int kGroups, typename TileOf>
class SlabStream {
  public:
    static constexpr int kColumns = kGroups * 4;
    using Sums = TileSums<kColumns>;

    __device__ SlabStream(std::byte* rings, const DeviceMatrix& matrix, const Sums& sums, TileOf tile_of)
        : matrix_(matrix),
          sums_(sums),
          tile_of_(tile_of),
          ring_(shared_address(rings) + (threadIdx.x / 32) * kDepth * kSlabBytes),
          chunks_a_row_(static_cast<int>(value_bytes_a_row(kType, matrix.columns) / 16)) {
        const int warp = static_cast<int>(threadIdx.x) / 32;
        begin_ = sums.first_slab(warp);
        end_ = sums.first_slab(warp + 1);
        load_tile_ = begin_ / sums.slabs_per_tile;
        load_slab_ = begin_ % sums.slabs_per_tile;
        loads_left_ = end_ - begin_;
        if (loads_left_ > 0) seek();
    }

    // Sends the first kDepth slabs on their way.
    __device__ void start() {
        for (int slot = 0; slot < kDepth; ++slot) load(slot);
    }

    // `row_address(tile, column)`: shared address of the activation row that stands in a column (0 ..
    // kColumns - 1) of a tile. `factor` multiplies the results.
    template <typename RowAddress>
    __device__ void run(RowAddress row_address, float factor) {
        const int lane = static_cast<int>(threadIdx.x) % 32, g = lane / 4, t = lane % 4;
        const int warp = static_cast<int>(threadIdx.x) / 32;
        // The lane's place in an activation row: columns 4 .. 7 stand for the right halves.
        const std::uint32_t lane_offset = (g >= 4 ? kBlocksAHalf * 64U : 0U) + t * 16U;
        int tile = begin_ / sums_.slabs_per_tile, slab = begin_ % sums_.slabs_per_tile;
        bool began_here = slab == 0;
        std::uint32_t rows[kGroups];
        auto find_rows = [&] {
#pragma unroll
            for (int group = 0; group < kGroups; ++group)
                rows[group] = row_address(tile, group * 4 + g % 4) + lane_offset;
        };
        if (begin_ < end_) find_rows();
        float totals[kGroups][2] = {};
        int slot = 0;
        for (int index = begin_; index < end_; ++index) {
            wait_for_copies<kDepth - 1>();
            __syncwarp();
            multiply(ring_ + slot * kSlabBytes, rows, slab * (2 * kBlocksAHalf * 64U), totals, g, t);
            __syncwarp();
            load(slot);
            slot = slot + 1 == kDepth ? 0 : slot + 1;
            if (++slab == sums_.slabs_per_tile || index + 1 == end_) {
                float* place = (began_here ? sums_.sums + tile * kTileRows * kColumns
                                           : sums_.partials + warp * kTileRows * kColumns) +
                               g * kColumns + t % 2 * 2;
#pragma unroll
                for (int group = 0; group < kGroups; ++group)
#pragma unroll
                    for (int i = 0; i < 2; ++i) {
                        float& total = totals[group][i];
                        total += __shfl_xor_sync(kAllLanes, total, 2);  // left and right half
                        if (t < 2) place[group * 4 + i] = total * (factor * kFactor);
                        total = 0;
                    }
                slab = 0;
                began_here = true;
                if (++tile < sums_.tiles) find_rows();
            }
        }
    }

  private:
    static constexpr int kBlocksAHalf = slab_columns(kType) / kQuantBlock / 2;
    // mxfp4 weights are read as float16 denormals and small numbers: 2^-14 of what they mean.
    static constexpr float kFactor = kType == PlaneType::mxfp4 ? 16384.0F : 1.0F;
    static constexpr bool kHasScales = kType == PlaneType::mxfp4 || kType == PlaneType::q8_0;

    __device__ void seek() {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        const TileAddress tile = tile_of_(load_tile_);
        values_ = tile.values + (lane / 8) * matrix_.value_stride_bytes + load_slab_ * kSlabRowBytes +
                  lane % 8 * 16;
        scales_ = tile.scales + (lane % 8) * matrix_.scale_stride_bytes + load_slab_ * kSlabScaleRowBytes;
    }

    // Copies the next slab into a ring slot: lane -> row lane / 8 (and + 4), 16-byte chunk lane % 8. Chunk c
    // of row r stands at place c ^ r, so that neither this nor the reads by row meet in a bank. Always closes
    // a group, so that counting groups counts slabs.
    __device__ void load(int slot) {
        if (loads_left_ > 0) {
            --loads_left_;
            const int lane = static_cast<int>(threadIdx.x) % 32, row = lane / 8, chunk = lane % 8;
            const std::uint32_t to = ring_ + slot * kSlabBytes;
            const bool valid = load_slab_ * 8 + chunk < chunks_a_row_;
            copy_16_bytes_async(to + row * kSlabRowBytes + ((chunk ^ row) * 16), values_, valid);
            copy_16_bytes_async(to + (row + 4) * kSlabRowBytes + ((chunk ^ (row + 4)) * 16),
                                values_ + 4 * matrix_.value_stride_bytes, valid);
            if (kHasScales && lane < kTileRows)
                copy_8_bytes_async(to + kSlabValueBytes + lane * kSlabScaleRowBytes, scales_);
            if (++load_slab_ == sums_.slabs_per_tile) {
                load_slab_ = 0;
                ++load_tile_;
                if (loads_left_ > 0) seek();
            } else {
                values_ += kSlabRowBytes;
                scales_ += kSlabScaleRowBytes;
            }
        }
        commit_copies();
    }

    // Four numbers of one row as two operand registers, from a word of int8.
    static __device__ void unpack_int8(std::uint32_t word, std::uint32_t& low, std::uint32_t& high) {
        // 0x6400 | u is 1024 + u in float16; u = q + 128. Subtracting 1152 is exact.
        const std::uint32_t biased = word ^ 0x80808080U;
        const __half2 offset = __half2half2(__ushort_as_half(0x6480));
        std::uint32_t pairs[2] = {__byte_perm(biased, 0x64646464U, 0x4140),
                                  __byte_perm(biased, 0x64646464U, 0x4342)};
        const __half2 first = __hsub2(*reinterpret_cast<__half2*>(&pairs[0]), offset);
        const __half2 second = __hsub2(*reinterpret_cast<__half2*>(&pairs[1]), offset);
        low = *reinterpret_cast<const std::uint32_t*>(&first);
        high = *reinterpret_cast<const std::uint32_t*>(&second);
    }

    // Nibble kNibble of both 16-bit halves of a word of e2m1 as float16: sign to bit 15, exponent and
    // mantissa to bits 11 .. 9. Read as float16 that is the number times 2^-14, the one denormal included.
    template <int kNibble>
    static __device__ std::uint32_t unpack_e2m1(std::uint32_t word) {
        const std::uint32_t sign = word << (12 - 4 * kNibble);
        const std::uint32_t magnitude =
            kNibble == 3 ? word >> 3 : word << (kNibble == 3 ? 0 : 9 - 4 * kNibble);
        return (sign & 0x80008000U) | (magnitude & 0x0E000E00U);
    }

    static __device__ std::uint32_t word_of(std::uint32_t slab, int g, int t, int chunk) {
        return load_shared_32(slab + g * kSlabRowBytes + ((chunk ^ g) * 16) + t * 4);
    }

    // The operands of the two products that cover block `step` of each half.
    static __device__ void load_weights(std::uint32_t slab, int g, int t, int step, std::uint32_t (&first)[4],
                                        std::uint32_t (&second)[4]) {
        if constexpr (kType == PlaneType::mxfp4) {
            const std::uint32_t left = word_of(slab, g, t, step), right = word_of(slab, g, t, step + 4);
            first[0] = unpack_e2m1<0>(left), first[1] = unpack_e2m1<0>(right);
            first[2] = unpack_e2m1<1>(left), first[3] = unpack_e2m1<1>(right);
            second[0] = unpack_e2m1<2>(left), second[1] = unpack_e2m1<2>(right);
            second[2] = unpack_e2m1<3>(left), second[3] = unpack_e2m1<3>(right);
        } else if constexpr (kType == PlaneType::q8_0) {
            unpack_int8(word_of(slab, g, t, 2 * step), first[0], first[2]);
            unpack_int8(word_of(slab, g, t, 2 * step + 4), first[1], first[3]);
            unpack_int8(word_of(slab, g, t, 2 * step + 1), second[0], second[2]);
            unpack_int8(word_of(slab, g, t, 2 * step + 5), second[1], second[3]);
        } else {
            first[0] = word_of(slab, g, t, 0), first[1] = word_of(slab, g, t, 4);
            first[2] = word_of(slab, g, t, 1), first[3] = word_of(slab, g, t, 5);
            second[0] = word_of(slab, g, t, 2), second[1] = word_of(slab, g, t, 6);
            second[2] = word_of(slab, g, t, 3), second[3] = word_of(slab, g, t, 7);
        }
    }

    // The scale of block `step` of the lane's half, from the half's four bytes.
    static __device__ float scale_of(std::uint32_t scales, int step) {
        if constexpr (kType == PlaneType::mxfp4)
            return __uint_as_float((scales >> (8 * step) & 0xFFU) << 23);
        else if constexpr (kType == PlaneType::q8_0)
            return __half2float(__ushort_as_half(static_cast<unsigned short>(scales >> (16 * step))));
        else
            return 1.0F;
    }

    __device__ void multiply(std::uint32_t slab, const std::uint32_t (&rows)[kGroups],
                             std::uint32_t row_offset, float (&totals)[kGroups][2], int g, int t) const {
        const std::uint32_t scales =
            kHasScales ? load_shared_32(slab + kSlabValueBytes + g * kSlabScaleRowBytes + t / 2 * 4) : 0U;
#pragma unroll
        for (int step = 0; step < kBlocksAHalf; ++step) {
            std::uint32_t first[4], second[4];
            load_weights(slab, g, t, step, first, second);
            const float scale = scale_of(scales, step);
#pragma unroll
            for (int group = 0; group < kGroups; ++group) {
                const uint4 b = load_shared_128(rows[group] + row_offset + step * 64U);
                float c[4] = {};
                using Numbers = std::conditional_t<kType == PlaneType::bf16, BrainNumbers, HalfNumbers>;
                Numbers::multiply_add(c, first, b.x, b.y);
                Numbers::multiply_add(c, second, b.z, b.w);
                // Lanes 0 and 1 of a quad hold columns 0 .. 3, the left half's; 2 and 3 the right half's.
                totals[group][0] += scale * (t < 2 ? c[0] : c[2]);
                totals[group][1] += scale * (t < 2 ? c[1] : c[3]);
            }
        }
    }

    const DeviceMatrix& matrix_;
    const Sums& sums_;
    TileOf tile_of_;
    std::uint32_t ring_;
    int chunks_a_row_;
    int begin_, end_;                         // slabs of the block that are this warp's
    int load_tile_, load_slab_, loads_left_;  // the next slab to be copied
    const std::byte* values_ = nullptr;
    const std::byte* scales_ = nullptr;
};

}  // namespace gptoss::backend::cuda

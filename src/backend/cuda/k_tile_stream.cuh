// The matrix product of the decode pass: streams a weight matrix once through shared memory and multiplies it with a
// few activation rows.
//
// The matrix is cut into tiles of 8 rows, and these into K-tiles of 8 rows x 128 bytes. A CTA owns a run of tiles; its
// warps own equal runs of the CTA's K-tiles, in order, whatever tile they fall into. Each warp has a ring of kDepth
// K-tiles in shared memory (cp.async). So no barrier is needed between warps, loads in flight hold no registers, and
// the first K-tiles are on their way before the previous kernel has finished.
//
// Two K-halves of 8 weight rows form one A operand of mma.m16n8k16: rows 0-7 are the left half of the K-tile (64 bytes
// a row), rows 8-15 the right half. The columns of B alternate: activation row t at the left half's elements, then at
// the right half's. Only left x left and right x right of the accumulator are valid: c[0] and c[3] of each lane. They
// are multiplied with the scales of their blocks and added.
//
// The order of additions depends on the shapes and the number of CTAs alone: the same input gives the same bits.
#pragma once

#include "backend/cuda/activations.cuh"
#include "backend/cuda/mxfp4_words.h"
#include "backend/cuda/ops/common/int8_words.cuh"
#include "backend/cuda/primitives.cuh"
#include "backend/cuda/weights.h"

namespace gptoss::backend::cuda {

inline constexpr int kStreamWarps = 16;
inline constexpr int kStreamThreads = kStreamWarps * 32;
inline constexpr int kStreamTileRows = 8;
inline constexpr int kKTileRowBytes = 128;
inline constexpr int kKTileValueBytes = kStreamTileRows * kKTileRowBytes;
inline constexpr int kKTileScaleRowBytes = 8;
inline constexpr int kKTileScaleBytes = kStreamTileRows * kKTileScaleRowBytes;
// 16 warps x 4 K-tiles x 1088 bytes = 70 KB a CTA. With the activations that is less than half of an SM's shared
// memory, so two kernels of a step fit on one SM; and it is more than the 20 KB an SM that an H100 must have in flight
// to keep its memory busy.
inline constexpr int kDepth = 4;
inline constexpr int kValueRingBytes = kDepth * kKTileValueBytes;  // of one warp
inline constexpr int kScaleRingBytes = kDepth * kKTileScaleBytes;
inline constexpr int kRingBytes = kStreamWarps * (kValueRingBytes + kScaleRingBytes);

constexpr __host__ __device__ int k_tiles_a_tile(WeightFormat type, int columns) {
    return (columns + k_tile_columns(type) - 1) / k_tile_columns(type);
}
// Bytes of an activation row in shared memory: whole K-tiles, and 64 more so that neighbouring rows fall into
// different banks.
constexpr __host__ __device__ int activation_stride_bytes(WeightFormat type, int columns) {
    return k_tiles_a_tile(type, columns) * k_tile_columns(type) * 2 + 64;
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
    const int each = quotient(tiles, blocks), more = tiles - each * blocks;  // the first `more` have one more
    return {block * each + min(block, more), each + (block < more ? 1 : 0)};
}

// The accumulators of a CTA in shared memory. `sums` [tiles][8][columns] holds those of the warp that began a tile,
// `partials` [warps][8][columns] those of a warp that began in the middle of one.
template <int kColumns>
struct TileSums {
    float* sums;
    float* partials;
    int tiles;
    int k_tiles_per_tile;

    static constexpr __host__ __device__ int bytes(int tile_count) {
        return (tile_count + kStreamWarps) * kStreamTileRows * kColumns * static_cast<int>(sizeof(float));
    }
    __device__ TileSums(std::byte* memory, int tile_capacity, int tile_count, int k_tiles)
        : sums(reinterpret_cast<float*>(memory)),
          partials(sums + tile_capacity * kStreamTileRows * kColumns),
          tiles(tile_count),
          k_tiles_per_tile(k_tiles) {}

    __device__ int first_k_tile(int warp) const {
        return static_cast<int>(static_cast<unsigned>(tiles * k_tiles_per_tile * warp) / kStreamWarps);
    }

    // Valid after finish_stream().
    __device__ float at(int tile, int row, int column) const {
        const int begin = tile * k_tiles_per_tile, end = begin + k_tiles_per_tile;
        const int place = row * kColumns + column;
        float sum = sums[tile * kStreamTileRows * kColumns + place];
        // The first warp that may have begun behind the tile's first K-tile, and those after it.
        int warp = quotient(begin * kStreamWarps, tiles * k_tiles_per_tile) + 1;
        int first = first_k_tile(warp);
#pragma unroll 1
        while (warp < kStreamWarps && first < end) {
            const int next = first_k_tile(++warp);
            if (first > begin && first < next)
                sum += partials[(warp - 1) * kStreamTileRows * kColumns + place];
            first = next;
        }
        return sum;
    }
};

// What a stage's epilogue reads is there: sums, and whatever was copied asynchronously.
__device__ inline void finish_stream() {
    commit_copies();  // copies that no K-tile came after
    wait_for_copies<0>();
    __syncthreads();
}

// One warp's run through its K-tiles. The rings are at the beginning of the dynamic shared memory. `TileOf`
// maps a tile of the block (0 ..) to its TileAddress. kGroups groups of 4 activation rows.
template <WeightFormat kType, int kGroups, typename TileOf>
class KTileStream {
  public:
    static constexpr int kColumns = kGroups * 4;
    using Sums = TileSums<kColumns>;

    __device__ KTileStream(const DeviceMatrix& matrix, const Sums& sums, TileOf tile_of)
        : matrix_(matrix),
          sums_(sums),
          tile_of_(tile_of),
          lane_(static_cast<int>(threadIdx.x) % 32),
          warp_(static_cast<int>(threadIdx.x) / 32),
          begin_(sums.first_k_tile(warp_)),
          count_(sums.first_k_tile(warp_ + 1) - begin_),
          first_tile_(quotient(begin_, sums.k_tiles_per_tile)),
          first_k_tile_(begin_ - first_tile_ * sums.k_tiles_per_tile),
          load_tile_(first_tile_),
          loads_left_(count_) {
        if (count_ > 0) seek(first_k_tile_);
    }

    // Sends the first kDepth K-tiles on their way.
    __device__ void start() {
#pragma unroll 1
        for (int slot = 0; slot < kDepth; ++slot) load(slot);
    }

    // `row_offset(tile, column)`: offset in shared memory of the activation row that stands in a column (0 ..
    // kColumns - 1) of a tile. `factor` multiplies the results.
    template <typename RowOffset>
    __device__ void run(RowOffset row_offset, float factor) {
        const int g = lane_ / 4, t = lane_ % 4;
        // Column g of B is activation row g / 2, at the elements of the left K-half (g even) or of the right one, whose
        // blocks are swizzled (activations.cuh).
        const std::uint32_t lane_offset =
            g % 2 * (kBlocksAHalf * 64U + (kBlocksAHalf > 1 ? 64U : 0U)) + t * 16U;
        if (count_ == 0) return;
        // How many K-tiles the warp has left of its tile (`in_tile`), and of later tiles (`behind`). Not unrolled:
        // four K-tiles a round took a fifth fewer instructions and more time, because the code of a step's kernels
        // then no longer fits into an SM's instruction cache.
        int tile = first_tile_, k_tile = first_k_tile_, slot = 0;
        int in_tile = min(count_, sums_.k_tiles_per_tile - first_k_tile_), behind = count_ - in_tile;
        float* place = sums_.sums + tile * kStreamTileRows * kColumns;
        if (k_tile != 0) place = sums_.partials + warp_ * kStreamTileRows * kColumns;
        std::uint32_t rows[kGroups];
        float accumulators[kGroups] = {};
        for (;;) {
#pragma unroll
            for (int group = 0; group < kGroups; ++group)
                rows[group] =
                    row_offset(tile, group * 4 + g / 2) + lane_offset + k_tile * kKTileActivationBytes;
#pragma unroll 1
            for (; in_tile > 0; --in_tile) {
                wait_for_copies<kDepth - 1>();
                __syncwarp();
                multiply(slot, rows, accumulators, g, t);
                __syncwarp();
                load(slot);
                slot = (slot + 1) % kDepth;
            }
#pragma unroll
            for (int group = 0; group < kGroups; ++group) {
                place[g * kColumns + group * 4 + t] = accumulators[group] * (factor * kFactor);
                accumulators[group] = 0;
            }
            if (behind == 0) return;
            in_tile = min(behind, sums_.k_tiles_per_tile);
            behind -= in_tile;
            k_tile = 0;
            place = sums_.sums + ++tile * kStreamTileRows * kColumns;
        }
    }

  private:
    static constexpr int kBlocksAHalf = blocks_a_half(kType);
    static constexpr std::uint32_t kKTileActivationBytes = 2 * kBlocksAHalf * 64;
    static constexpr int kChunksARow = kKTileRowBytes / 16;
    static constexpr float kFactor = kType == WeightFormat::mxfp4 ? kMxfp4Unit : 1.0F;
    static constexpr bool kHasScales = kType == WeightFormat::mxfp4 || kType == WeightFormat::q8_0;

    __device__ int chunks_a_row() const {
        return static_cast<int>(static_cast<unsigned>(value_bytes_a_row(kType, matrix_.columns)) / 16U);
    }
    __device__ std::uint32_t value_slot(int slot) const {
        return static_cast<std::uint32_t>(warp_ * kValueRingBytes + slot * kKTileValueBytes);
    }
    __device__ std::uint32_t scale_slot(int slot) const {
        return static_cast<std::uint32_t>(kStreamWarps * kValueRingBytes + warp_ * kScaleRingBytes +
                                          slot * kKTileScaleBytes);
    }

    // To a K-tile of load_tile_.
    __device__ void seek(int k_tile) {
        const TileAddress tile = tile_of_(load_tile_);
        values_ = tile.values + (lane_ / 8 * static_cast<int>(matrix_.value_stride_bytes) +
                                 k_tile * kKTileRowBytes + lane_ % 8 * 16);
        scales_ = tile.scales +
                  (lane_ % 8 * static_cast<int>(matrix_.scale_stride_bytes) + k_tile * kKTileScaleRowBytes);
        chunks_left_ = chunks_a_row() - k_tile * kChunksARow;
    }

    // Copies the next K-tile into a ring slot: lane -> row lane / 8 (and + 4), 16-byte chunk lane % 8. Swizzle:
    // chunk c of row r is stored at c ^ r, so neither these writes nor reads by row have bank conflicts. Always
    // commits a cp.async group, so that counting groups counts K-tiles.
    __device__ void load(int slot) {
        if (loads_left_ > 0) {
            --loads_left_;
            const int row = lane_ / 8, chunk = lane_ % 8;
            const std::uint32_t to = value_slot(slot) + row * kKTileRowBytes + ((chunk ^ row) * 16);
            const std::uint32_t shared = shared_address(dynamic_shared());
            const bool valid = chunk < chunks_left_;
            copy_16_bytes_async_line(shared + to, values_, valid);
            copy_16_bytes_async_line(shared + (to ^ 64U) + 4 * kKTileRowBytes,
                                     values_ + 4 * static_cast<int>(matrix_.value_stride_bytes), valid);
            if (kHasScales && lane_ < kStreamTileRows)
                copy_8_bytes_async(shared + scale_slot(slot) + lane_ * kKTileScaleRowBytes, scales_);
            values_ += kKTileRowBytes;
            scales_ += kKTileScaleRowBytes;
            chunks_left_ -= kChunksARow;
            if (chunks_left_ <= 0 && loads_left_ > 0) {
                ++load_tile_;
                seek(0);
            }
        }
        commit_copies();
    }

    // Four numbers of one row as two operand registers, from a word of int8.
    static __device__ void unpack_word(std::uint32_t word, std::uint32_t& low, std::uint32_t& high) {
        __half2 pairs[2];
        unpack_int8(word, pairs[0], pairs[1]);
        low = *reinterpret_cast<const std::uint32_t*>(&pairs[0]);
        high = *reinterpret_cast<const std::uint32_t*>(&pairs[1]);
    }

    // A lane's word of a chunk. `own` is its word of chunk 0: because of the swizzle, the address of chunk c is `own`
    // XOR 16 c.
    static __device__ std::uint32_t word_of(std::uint32_t own, int chunk) {
        return shared_at<std::uint32_t>(own ^ (chunk * 16U));
    }

    // The operands of the two products that cover block `step` of each half.
    static __device__ void load_weights(std::uint32_t own, int step, std::uint32_t (&first)[4],
                                        std::uint32_t (&second)[4]) {
        if constexpr (kType == WeightFormat::mxfp4) {
            const std::uint32_t left = word_of(own, step), right = word_of(own, step + 4);
            first[0] = unpacked_mxfp4_pair<0>(left), first[1] = unpacked_mxfp4_pair<0>(right);
            first[2] = unpacked_mxfp4_pair<1>(left), first[3] = unpacked_mxfp4_pair<1>(right);
            second[0] = unpacked_mxfp4_pair<2>(left), second[1] = unpacked_mxfp4_pair<2>(right);
            second[2] = unpacked_mxfp4_pair<3>(left), second[3] = unpacked_mxfp4_pair<3>(right);
        } else if constexpr (kType == WeightFormat::q8_0) {
            unpack_word(word_of(own, 2 * step), first[0], first[2]);
            unpack_word(word_of(own, 2 * step + 4), first[1], first[3]);
            unpack_word(word_of(own, 2 * step + 1), second[0], second[2]);
            unpack_word(word_of(own, 2 * step + 5), second[1], second[3]);
        } else {
            first[0] = word_of(own, 0), first[1] = word_of(own, 4);
            first[2] = word_of(own, 1), first[3] = word_of(own, 5);
            second[0] = word_of(own, 2), second[1] = word_of(own, 6);
            second[2] = word_of(own, 3), second[3] = word_of(own, 7);
        }
    }

    // The scale of block `step` of a half, from the half's four bytes.
    static __device__ float scale_of(std::uint32_t scales, int step) {
        if constexpr (kType == WeightFormat::mxfp4)  // the byte is a float's exponent
            return __uint_as_float((step < 3 ? scales << (23 - 8 * step) : scales >> 1) & 0x7F800000U);
        else if constexpr (kType == WeightFormat::q8_0)
            return __half2float(__ushort_as_half(static_cast<unsigned short>(scales >> (16 * step))));
        else
            return 1.0F;
    }

    // One K-tile; the rows' offsets move on to the next one.
    __device__ void multiply(int slot, std::uint32_t (&rows)[kGroups], float (&accumulators)[kGroups], int g,
                             int t) const {
        const std::uint32_t own = value_slot(slot) + g * kKTileRowBytes + g * 16 + t * 4;
        const std::uint32_t odd_step = g % 2 * 128U;  // a right half's blocks stand in the order 1, 0, 3, 2
        const uint2 scales =
            kHasScales ? shared_at<uint2>(scale_slot(slot) + g * kKTileScaleRowBytes) : uint2{};
#pragma unroll
        for (int step = 0; step < kBlocksAHalf; ++step) {
            std::uint32_t first[4], second[4];
            load_weights(own, step, first, second);
            const float left = scale_of(scales.x, step), right = scale_of(scales.y, step);
#pragma unroll
            for (int group = 0; group < kGroups; ++group) {
                const uint4 b = shared_at<uint4>(rows[group] + step * 64U - (step % 2 == 1 ? odd_step : 0U));
                float c[4] = {};
                using Mma = std::conditional_t<kType == WeightFormat::bf16, MmaBf16, MmaF16>;
                Mma::multiply_add(c, first, b.x, b.y);
                Mma::multiply_add(c, second, b.z, b.w);
                accumulators[group] += left * c[0];   // weight row g, left; activation row t, left
                accumulators[group] += right * c[3];  // weight row g, right; activation row t, right
            }
        }
#pragma unroll
        for (int group = 0; group < kGroups; ++group) rows[group] += kKTileActivationBytes;
    }

    const DeviceMatrix& matrix_;
    const Sums& sums_;
    TileOf tile_of_;
    int lane_, warp_;
    int begin_, count_;              // K-tiles of the block that are this warp's
    int first_tile_, first_k_tile_;  // where they begin
    int load_tile_, loads_left_;     // the next K-tile to be copied
    int chunks_left_ = 0;            // of each of its tile's rows
    const std::byte* values_ = nullptr;
    const std::byte* scales_ = nullptr;
};

}  // namespace gptoss::backend::cuda

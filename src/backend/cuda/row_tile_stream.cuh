// The matrix product of a decode step in which every warp owns the same columns of all matrix rows.
//
// A block owns a run of tiles of 8 matrix rows, which the copy engine brings whole into a ring in shared memory: one
// thread asks for 12 KB. The consumers, warps that multiply, own equal slices of the columns. So a consumer keeps its
// share of the activations in registers from the first tile to the last, in operand order, and makes it from the residual
// itself: no activations in shared memory, and no barrier of the block before the first product.
//
// A slice has kSteps blocks of 32 columns in its left half and as many in its right half. As in k_tile_stream.cuh, rows
// 0-7 of an operand are a tile's 8 rows at the left half, rows 8-15 the same rows at the right half; columns of B
// alternate likewise, so that only c[0] and c[3] of an accumulator are valid. Every consumer stores its sums of a tile;
// those of all consumers are added in their order: the same input gives the same bits.
//
// Needs the copy engine and its barriers: the kernels are empty in code for less than sm_90, and the plan never asks for
// them there.
#pragma once

#include "backend/cuda/activations.cuh"
#include "backend/cuda/gemm_ptx.cuh"
#include "backend/cuda/k_tile_stream.cuh"

namespace gptoss::backend::cuda {

// Copies `bytes`, a multiple of 16, by the copy engine; the phase of `barrier` expects them. Fast only where both
// addresses are multiples of 128: rows copied one by one to padded places took three times as long.
__device__ __forceinline__ void copy_bulk_async(std::uint32_t to_shared, const void* from, int bytes,
                                                std::uint32_t barrier) {
    asm volatile(
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
            to_shared),
        "l"(from), "r"(bytes), "r"(barrier)
        : "memory");
}
// Arrives, and has the phase end only after `bytes` have landed too.
__device__ __forceinline__ void barrier_expect(std::uint32_t barrier, int bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

// The warp behind the consumers is the producer. Without one (kOwnProducer false) all tiles must fit into the ring, and the
// first consumer asks for them.
template <WeightFormat kType, int kMatrixColumns, int kConsumerWarps, int kStageCount,
          bool kOwnProducer = true>
struct RowTileStream {
    static_assert(kType == WeightFormat::mxfp4 || kType == WeightFormat::q8_0);
    static constexpr int kColumns = kMatrixColumns, kConsumers = kConsumerWarps, kStages = kStageCount;
    static constexpr int kThreads = (kConsumers + (kOwnProducer ? 1 : 0)) * 32;
    // Five warps on a quarter of an SM would keep the next kernel's block out.
    static_assert(kThreads <= kStreamThreads);
    static constexpr int kSliceBlocks = kColumns / kQuantBlock / kConsumers, kSteps = kSliceBlocks / 2;
    static_assert(kSliceBlocks * kConsumers * kQuantBlock == kColumns && kSliceBlocks % 2 == 0);
    static constexpr int kBlockBytes = kType == WeightFormat::mxfp4 ? 16 : 32;
    static constexpr int kBlockScaleBytes = kType == WeightFormat::mxfp4 ? 1 : 2;
    static constexpr int kRowBytes = kColumns / kQuantBlock * kBlockBytes;
    static constexpr int kScaleRowBytes = static_cast<int>(scale_bytes_a_row(kType, kColumns));
    // A tile of mxfp4 is copied as it is: rows g and g + 4 share banks. Rows of q8_0 would all share them, so they are
    // copied one by one to places an odd number of 16 bytes apart.
    static constexpr bool kWhole = kType == WeightFormat::mxfp4;
    static constexpr int kRowStride = kWhole || kRowBytes / 16 % 2 == 1 ? kRowBytes : kRowBytes + 16;
    static constexpr int kScaleStride =
        kWhole || kScaleRowBytes / 16 % 2 == 1 ? kScaleRowBytes : kScaleRowBytes + 16;
    static constexpr int kScales = kStreamTileRows * kRowStride;
    static constexpr int kStageBytes = kScales + kStreamTileRows * kScaleStride;
    static constexpr int kTileBytes = kStreamTileRows * (kRowBytes + kScaleRowBytes + 4);
    using Operands = uint4[kSteps];

    // Shared memory: the ring, barriers, biases [tile][8], sums [consumer][tile][8].
    static constexpr int kBarriers = kStages * kStageBytes;
    static constexpr int kBiases = kBarriers + kStages * 16;
    static constexpr __host__ __device__ int sums_offset(int tile_capacity) {
        return kBiases + tile_capacity * kStreamTileRows * 4;
    }
    static constexpr __host__ __device__ int shared_bytes(int tile_capacity) {
        return sums_offset(tile_capacity) + kConsumers * tile_capacity * kStreamTileRows * 4;
    }

    std::uint32_t shared;  // address of dynamic shared memory
    const float* biases;
    float* sums;
    int tiles;

    // All threads, first of all: holds a barrier of the block.
    __device__ RowTileStream(int tile_capacity, int tile_count)
        : shared(shared_address(dynamic_shared())),
          biases(reinterpret_cast<const float*>(dynamic_shared() + kBiases)),
          sums(reinterpret_cast<float*>(dynamic_shared() + sums_offset(tile_capacity))),
          tiles(tile_count) {
        if (threadIdx.x < kStages) {
            barrier_init(full(static_cast<int>(threadIdx.x)), 1);
            barrier_init(empty(static_cast<int>(threadIdx.x)), kConsumers);
        }
        fence_async_proxy();
        __syncthreads();
    }

    __device__ static int warp() { return static_cast<int>(threadIdx.x) / 32; }
    __device__ static int lane() { return static_cast<int>(threadIdx.x) % 32; }
    __device__ static bool is_producer() { return warp() == (kOwnProducer ? kConsumers : 0); }

    // Where a tile comes from: its 8 rows, their scales, their 8 biases.
    struct Source {
        const std::byte* values;
        const std::byte* scales;
        const float* biases;
    };
    __device__ static Source source(const DeviceMatrix& matrix, const float* biases, int row) {
        const TileAddress from = tile_address(matrix, row);
        return {from.values, from.scales, biases + row};
    }

    // The producer's tiles first .. end - 1, in order. `source_of(tile)`: its Source.
    template <typename SourceOf>
    __device__ void produce(int first, int end, SourceOf source_of) const {
        const int row = lane() % kStreamTileRows, piece = lane() / kStreamTileRows;
#pragma unroll 1
        for (int tile = first; tile < end; ++tile) {
            const int round = tile / kStages, stage = tile - round * kStages;
            if (round > 0) barrier_wait(empty(stage), static_cast<std::uint32_t>(round - 1) & 1U);
            if (lane() == 0) barrier_expect(full(stage), kTileBytes);
            __syncwarp();
            const Source from = source_of(tile);
            constexpr int kRows = kWhole ? kStreamTileRows : 1;  // of a copy
            const std::uint32_t to = shared + stage * kStageBytes;
            if (row % kRows == 0 && piece == 0)
                copy_bulk_async(to + row * kRowStride, from.values + row * kRowBytes, kRows * kRowBytes,
                                full(stage));
            if (row % kRows == 0 && piece == 1)
                copy_bulk_async(to + kScales + row * kScaleStride, from.scales + row * kScaleRowBytes,
                                kRows * kScaleRowBytes, full(stage));
            if (row == 0 && piece == 2)
                copy_bulk_async(shared + kBiases + tile * kStreamTileRows * 4, from.biases,
                                kStreamTileRows * 4, full(stage));
        }
    }

    // The first of the lane's blocks: of the left half where its operand column is even, else of the right half.
    __device__ static int first_block() {
        return warp() * kSliceBlocks + lane() / 4 % 2 * kSteps;
    }

    // Operands of a block from a float32 row: columns 4t .. and 16 + 4t .. of it.
    __device__ static uint4 operands_of(const float4& low, const float4& high) {
        if constexpr (kType == WeightFormat::mxfp4)
            return {to_activation_pair(low.x, low.z, kType), to_activation_pair(high.x, high.z, kType),
                    to_activation_pair(low.y, low.w, kType), to_activation_pair(high.y, high.w, kType)};
        else
            return {to_activation_pair(low.x, low.y, kType), to_activation_pair(low.z, low.w, kType),
                    to_activation_pair(high.x, high.y, kType), to_activation_pair(high.z, high.w, kType)};
    }
    // The same of a row that is stored as activations.
    __device__ static void load_stored(Operands& operands, const std::uint16_t* row) {
#pragma unroll
        for (int step = 0; step < kSteps; ++step) {
            const int block = first_block() + step, place = block ^ block / blocks_a_half(kType) % 2;
            operands[step] =
                __ldcg(reinterpret_cast<const uint4*>(row + place * kQuantBlock + lane() % 4 * 8));
        }
    }

    // A consumer's run through all tiles. `factor` multiplies the sums; `column_of(tile)`: the activation row, 0 .. 3, that
    // the tile is multiplied with.
    template <typename ColumnOf>
    __device__ void consume(const Operands& operands, float factor, ColumnOf column_of) const {
        const int g = lane() / 4, t = lane() % 4;
        const std::uint32_t values = g * kRowStride + warp() * (kSliceBlocks * kBlockBytes) + t * 4;
        const std::uint32_t scales = kScales + g * kScaleStride + warp() * (kSliceBlocks * kBlockScaleBytes);
        float* sum = sums + warp() * tiles * kStreamTileRows + g;
        int stage = 0;
        std::uint32_t phase = 0;
#pragma unroll 1
        for (int tile = 0; tile < tiles; ++tile, sum += kStreamTileRows) {
            barrier_wait(full(stage), phase);
            const float result =
                multiply(stage * kStageBytes + values, stage * kStageBytes + scales, operands);
            if (t == column_of(tile)) *sum = result * (factor * kFactor);
            __syncwarp();
            if (lane() == 0) barrier_arrive(empty(stage));
            if (++stage == kStages) stage = 0, phase ^= 1U;
        }
    }

    // After the block's barrier behind consume(): the product of a row, with its bias.
    __device__ float at(int tile, int row) const {
        const float* own = sums + tile * kStreamTileRows + row;
        float sum = 0;
#pragma unroll
        for (int i = 0; i < kConsumers; ++i) sum += own[i * tiles * kStreamTileRows];
        return sum + biases[tile * kStreamTileRows + row];
    }

  private:
    static constexpr float kFactor = kType == WeightFormat::mxfp4 ? kMxfp4Unit : 1.0F;

    __device__ std::uint32_t full(int stage) const {
        return shared + kBarriers + stage * 8;
    }
    __device__ std::uint32_t empty(int stage) const {
        return full(stage) + kStages * 8;
    }

    // A block's words of row `half` of the operands, 0 left or 1 right.
    static __device__ void unpack(std::uint32_t values, std::uint32_t (&first)[4], std::uint32_t (&second)[4],
                                  int half) {
        if constexpr (kType == WeightFormat::mxfp4) {
            const auto word = shared_at<std::uint32_t>(values);
            first[half] = unpacked_mxfp4_pair<0>(word), first[half + 2] = unpacked_mxfp4_pair<1>(word);
            second[half] = unpacked_mxfp4_pair<2>(word), second[half + 2] = unpacked_mxfp4_pair<3>(word);
        } else {
            unpack_word(shared_at<std::uint32_t>(values), first[half], first[half + 2]);
            unpack_word(shared_at<std::uint32_t>(values + 16), second[half], second[half + 2]);
        }
    }
    static __device__ void unpack_word(std::uint32_t word, std::uint32_t& low, std::uint32_t& high) {
        __half2 pairs[2];
        unpack_int8(word, pairs[0], pairs[1]);
        low = as_word(pairs[0]), high = as_word(pairs[1]);
    }

    // The scale of block i of the slice, from pairs of scales.
    using ScalePair = std::conditional_t<kType == WeightFormat::mxfp4, std::uint16_t, std::uint32_t>;
    static __device__ float scale_of(const ScalePair (&pairs)[kSteps], int i) {
        const std::uint32_t pair = pairs[i / 2];
        if constexpr (kType == WeightFormat::mxfp4)  // the byte is a float's exponent
            return __uint_as_float((i % 2 == 0 ? pair << 23 : pair << 15) & 0x7F800000U);
        else
            return __half2float(__ushort_as_half(static_cast<unsigned short>(pair >> (16 * (i % 2)))));
    }

    // The lane's sum of one tile: row g of the tile, activation row t.
    static __device__ float multiply(std::uint32_t values, std::uint32_t scales, const Operands& operands) {
        ScalePair pairs[kSteps];
#pragma unroll
        for (int i = 0; i < kSteps; ++i)
            pairs[i] = shared_at<ScalePair>(scales + i * static_cast<int>(sizeof(ScalePair)));
        float result = 0;
#pragma unroll
        for (int step = 0; step < kSteps; ++step) {
            std::uint32_t first[4], second[4];
            unpack(values + step * kBlockBytes, first, second, 0);
            unpack(values + (kSteps + step) * kBlockBytes, first, second, 1);
            const uint4& b = operands[step];
            float c[4] = {};
            MmaF16::multiply_add(c, first, b.x, b.y);
            MmaF16::multiply_add(c, second, b.z, b.w);
            result += scale_of(pairs, step) * c[0];           // tile row g, left; activation row t, left
            result += scale_of(pairs, kSteps + step) * c[3];  // tile row g, right; activation row t, right
        }
        return result;
    }
};

}  // namespace gptoss::backend::cuda

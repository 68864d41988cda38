// The matrix product of a decode step in which every warp owns the same columns of all matrix rows.
//
// A block owns a run of tiles of 8 (or 16) matrix rows, which the copy engine brings whole into a ring in shared memory: one
// thread asks for 12 KB. The consumers, warps that multiply, own equal slices of the columns. So a consumer keeps its
// share of the activations in registers from the first tile to the last, in operand order, and makes it from the residual
// itself: no activations in shared memory, and no barrier of the block before the first product.
//
// A slice has kSteps blocks of 32 columns in its left half and as many in its right half. As in k_tile_stream.cuh, rows
// 0-7 of an operand are a tile's 8 rows at the left half, rows 8-15 the same rows at the right half; columns of B
// alternate likewise, so that only c[0] and c[3] of an accumulator are valid: four activation rows a product. With tiles
// of 16 rows (multiply_wide_tile()) every row of an operand is a row of the tile, and a product has eight activation rows.
// Every consumer stores its sums of a tile; those of all consumers are added in their order: the same input gives the same
// bits.
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

// The half of a named barrier (primitives.cuh) that does not wait.
template <int kNumber, int kThreads>
__device__ inline void named_barrier_arrive() {
    asm volatile("bar.arrive %0, %1;" ::"n"(kNumber), "n"(kThreads) : "memory");
}

// The warp behind the consumers is the producer. Without one (kOwnProducer false) all tiles must fit into the ring, and the
// first consumer asks for them.
// A tile has kRowsOfTile rows: 8, or more where values are copied whole.
template <WeightFormat kType, int kMatrixColumns, int kConsumerWarps, int kStageCount,
          bool kOwnProducer = true, int kRowsOfTile = kStreamTileRows>
struct RowTileStream {
    static_assert(kType == WeightFormat::mxfp4 || (kType == WeightFormat::q8_0 && kRowsOfTile == 8));
    static constexpr int kTileRows = kRowsOfTile;
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
    static constexpr int kScales = kTileRows * kRowStride;
    static constexpr int kStageBytes = kScales + kTileRows * kScaleStride;
    static constexpr float kFactor = kType == WeightFormat::mxfp4 ? kMxfp4Unit : 1.0F;
    using Operands = uint4[kSteps];

    // Shared memory: the ring, barriers, biases [tile][8], sums [consumer][tile][8].
    static constexpr int kBarriers = kStages * kStageBytes;
    static constexpr int kBiases = kBarriers + kStages * 16;
    static constexpr __host__ __device__ int sums_offset(int tile_capacity) {
        return kBiases + tile_capacity * kTileRows * 4;
    }
    static constexpr __host__ __device__ int shared_bytes(int tile_capacity) {
        return sums_offset(tile_capacity) + kConsumers * tile_capacity * kStreamTileRows * 4;
    }
    // With consume_rows(): room for `stored_tiles` tiles' sums of 4 `groups` activation rows.
    static constexpr __host__ __device__ int shared_bytes(int tile_capacity, int stored_tiles, int groups) {
        return sums_offset(tile_capacity) + groups * stored_tiles * kConsumers * 32 * 4;
    }

    // With sums of their own.
    static constexpr __host__ __device__ int shared_bytes_with(int tile_capacity, int sum_bytes) {
        return sums_offset(tile_capacity) + sum_bytes;
    }

    std::uint32_t shared;  // address of dynamic shared memory
    const float* biases;
    float* sums;
    int tiles;
    int tile_rows = kTileRows;  // that are copied: 8, or a multiple

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
            if (lane() == 0) barrier_expect(full(stage), tile_rows * (kRowBytes + kScaleRowBytes + 4));
            __syncwarp();
            const Source from = source_of(tile);
            const int rows = kWhole ? tile_rows : 1;  // of a copy
            const std::uint32_t to = shared + stage * kStageBytes;
            if ((!kWhole || row == 0) && piece == 0)
                copy_bulk_async(to + row * kRowStride, from.values + row * kRowBytes, rows * kRowBytes,
                                full(stage));
            if ((!kWhole || row == 0) && piece == 1)
                copy_bulk_async(to + kScales + row * kScaleStride, from.scales + row * kScaleRowBytes,
                                rows * kScaleRowBytes, full(stage));
            if (row == 0 && piece == 2)
                copy_bulk_async(shared + kBiases + tile * kTileRows * 4, from.biases, tile_rows * 4,
                                full(stage));
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
    template <typename Load>
    __device__ static void load_stored(Operands& operands, const std::uint16_t* row, Load load) {
#pragma unroll
        for (int step = 0; step < kSteps; ++step) {
            const int block = first_block() + step, place = block ^ block / blocks_a_half(kType) % 2;
            operands[step] = load(reinterpret_cast<const uint4*>(row + place * kQuantBlock + lane() % 4 * 8));
        }
    }
    __device__ static void load_stored(Operands& operands, const std::uint16_t* row) {
        load_stored(operands, row, [](const uint4* from) { return __ldcg(from); });
    }

    // Where a tile lies in the ring, and the parity of its round.
    struct Place {
        int stage;
        std::uint32_t phase;
        __device__ void advance() {
            if (++stage == kStages) stage = 0, phase ^= 1U;
        }
    };
    __device__ static Place place_of(int tile) {
        const int round = static_cast<int>(static_cast<unsigned>(tile) / kStages);
        return {tile - round * kStages, static_cast<std::uint32_t>(round) & 1U};
    }
    __device__ void wait_full(const Place& place) const {
        barrier_wait(full(place.stage), place.phase);
    }
    // Every consumer has released the tile.
    __device__ void wait_empty(const Place& place) const {
        barrier_wait(empty(place.stage), place.phase);
    }
    // A consumer's warp has read the tile, and what it stored before is there for whoever waits for the consumers.
    // One lane arrives for its warp. racecheck does not follow that and reports the refill of the tile; where every lane
    // arrives it reports nothing.
    __device__ void release(const Place& place) const {
        __syncwarp();
        if (lane() == 0) barrier_arrive(empty(place.stage));
    }

    // A consumer's share of the sums of eight rows of a tile, from first_row on: the lane's row g of them, activation row t
    // of each group.
    template <int kGroups>
    __device__ static void multiply_tile(const Place& place, const Operands (&operands)[kGroups],
                                         float (&results)[kGroups], int first_row = 0) {
        multiply(values_of(place, first_row), scales_of(place, first_row), operands, results);
#pragma unroll
        for (int group = 0; group < kGroups; ++group) results[group] *= kFactor;
    }

    // The same of a tile of 16 rows and eight activation rows, each row a whole operand row: the lane's rows g
    // and g + 8, activation rows 2t and 2t + 1; 1 / kFactor of them.
    using WideOperands = uint4[kSliceBlocks];
    __device__ static void multiply_wide_tile(const Place& place, const WideOperands& operands,
                                              float (&sums)[4]) {
        static_assert(kType == WeightFormat::mxfp4, "whose operands' words are the blocks' words");
        const std::uint32_t values = values_of(place, 0), scales = scales_of(place, 0);
        // A byte for itself, and no pair of them: two instructions fewer for each pair.
        const auto scale_at = [](std::uint32_t address) {
            return __uint_as_float(static_cast<std::uint32_t>(shared_at<std::uint8_t>(address)) << 23);
        };
#pragma unroll
        for (float& sum : sums) sum = 0;
#pragma unroll
        for (int block = 0; block < kSliceBlocks; ++block) {
            std::uint32_t first[4], second[4];
            unpack(values + block * kBlockBytes, first, second, 0);
            unpack(values + 8 * kRowStride + block * kBlockBytes, first, second, 1);
            const uint4& b = operands[block];
            float c[4] = {};
            MmaF16::multiply_add(c, first, b.x, b.y);
            MmaF16::multiply_add(c, second, b.z, b.w);
            const float low_scale = scale_at(scales + block),
                        high_scale = scale_at(scales + 8 * kScaleStride + block);
            sums[0] += low_scale * c[0];
            sums[1] += low_scale * c[1];
            sums[2] += high_scale * c[2];
            sums[3] += high_scale * c[3];
        }
    }

    // A consumer's run through all tiles. `store(tile, results)` keeps a tile's.
    template <int kGroups, typename Store>
    __device__ void consume(const Operands (&operands)[kGroups], Store store) const {
        Place place{};
#pragma unroll 1
        for (int tile = 0; tile < tiles; ++tile, place.advance()) {
            wait_full(place);
            float results[kGroups];
            multiply_tile(place, operands, results);
            store(tile, results);
            release(place);
        }
    }
    // The same for one activation row: column_of(tile), 0 .. 3.
    template <typename ColumnOf>
    __device__ void consume_row(const Operands (&operands)[1], float factor, ColumnOf column_of) const {
        float* sum = sums + warp() * tiles * kStreamTileRows + lane() / 4;
        consume(operands, [&](int tile, const float(&results)[1]) {
            if (lane() % 4 == column_of(tile)) sum[tile * kStreamTileRows] = results[0] * factor;
        });
    }

    // The same for 4 kGroups activation rows; afterwards, behind the block's barrier, at_row().
    template <int kGroups>
    __device__ void consume_rows(const Operands (&operands)[kGroups], float factor) const {
        consume(operands, [&](int tile, const float(&results)[kGroups]) {
#pragma unroll
            for (int group = 0; group < kGroups; ++group)
                sums[((group * tiles + tile) * kConsumers + warp()) * 32 + lane()] = results[group] * factor;
        });
    }
    // The product of row `row` of a tile and an activation row, with its bias, and without.
    __device__ float at_row(int tile, int row, int activation_row) const {
        return sum_at_row(tile, row, activation_row) + biases[tile * kStreamTileRows + row];
    }
    __device__ float sum_at_row(int tile, int row, int activation_row) const {
        return sum_of_consumers(sums + (activation_row / 4 * tiles + tile) * kConsumers * 32, row,
                                activation_row);
    }
    // What the consumers stored by lane, [consumer][32], added in their order.
    __device__ static float sum_of_consumers(const float* stored, int row, int activation_row) {
        stored += row * 4 + activation_row % 4;
        float values[kConsumers], sum = 0;
#pragma unroll
        for (int i = 0; i < kConsumers; ++i) values[i] = stored[i * 32];
#pragma unroll
        for (int i = 0; i < kConsumers; ++i) sum += values[i];
        return sum;
    }

    // After the block's barrier behind consume_row(): the product of a row, with its bias.
    __device__ float at(int tile, int row) const {
        const float* own = sums + tile * kStreamTileRows + row;
        float sum = 0;
#pragma unroll
        for (int i = 0; i < kConsumers; ++i) sum += own[i * tiles * kStreamTileRows];
        return sum + biases[tile * kStreamTileRows + row];
    }

  private:
    // Of the lane's row g of eight, in the warp's slice: its words, and the scales.
    __device__ static std::uint32_t values_of(const Place& place, int first_row) {
        return place.stage * kStageBytes + (first_row + lane() / 4) * kRowStride +
               warp() * (kSliceBlocks * kBlockBytes) + lane() % 4 * 4;
    }
    __device__ static std::uint32_t scales_of(const Place& place, int first_row) {
        return place.stage * kStageBytes + kScales + (first_row + lane() / 4) * kScaleStride +
               warp() * (kSliceBlocks * kBlockScaleBytes);
    }

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

    template <int kGroups>
    static __device__ void multiply(std::uint32_t values, std::uint32_t scales,
                                    const Operands (&operands)[kGroups], float (&results)[kGroups]) {
        ScalePair pairs[kSteps];
#pragma unroll
        for (int i = 0; i < kSteps; ++i)
            pairs[i] = shared_at<ScalePair>(scales + i * static_cast<int>(sizeof(ScalePair)));
#pragma unroll
        for (int group = 0; group < kGroups; ++group) results[group] = 0;
#pragma unroll
        for (int step = 0; step < kSteps; ++step) {
            std::uint32_t first[4], second[4];
            unpack(values + step * kBlockBytes, first, second, 0);
            unpack(values + (kSteps + step) * kBlockBytes, first, second, 1);
            const float left = scale_of(pairs, step), right = scale_of(pairs, kSteps + step);
#pragma unroll
            for (int group = 0; group < kGroups; ++group) {
                const uint4& b = operands[group][step];
                float c[4] = {};
                MmaF16::multiply_add(c, first, b.x, b.y);
                MmaF16::multiply_add(c, second, b.z, b.w);
                results[group] += left * c[0];   // tile row g, left; activation row t, left
                results[group] += right * c[3];  // tile row g, right; activation row t, right
            }
        }
    }
};

}  // namespace gptoss::backend::cuda

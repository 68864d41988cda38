// Kernels that repack rows from the order of the file into that of the device (weights.h).
#pragma once

#include <cuda_runtime_api.h>

#include "backend/cuda/weights.h"
#include "gguf/types.h"

namespace gptoss::backend::cuda {

// Where a source row goes in the packed matrix.
struct RowMap {
    enum class Order { same, rotary_pairs, interleaved };
    Order order = Order::same;
    std::int64_t offset = 0;  // added to the row's new place
};

__host__ __device__ constexpr std::int64_t place_of_row(const RowMap& map, std::int64_t row) {
    switch (map.order) {
        case RowMap::Order::rotary_pairs:  // (i, i + 32) of a head become neighbours
            return map.offset + row / kHeadSize * kHeadSize + row % (kHeadSize / 2) * 2 +
                   row % kHeadSize / (kHeadSize / 2);
        case RowMap::Order::interleaved:
            return map.offset + row * 2;
        case RowMap::Order::same:
            break;
    }
    return map.offset + row;
}

// `source`: `count` rows from `first_row` on, in device memory, of a type that `packed` can hold: mxfp4 and q8_0
// blocks for that format, F16, BF16 or F32 for the 16-bit formats.
void repack_rows(gguf::TensorType source_type, const std::byte* source, std::int64_t first_row,
                 std::int64_t count, const DeviceMatrix& packed, const RowMap& map, cudaStream_t stream);

// Writes the transpose [hidden][experts] of the layer's router, as bf16 or as float32, whichever the layer has room for.
void transpose_router(const DeviceLayer& layer, std::int32_t experts, std::int32_t hidden,
                      cudaStream_t stream);

// Random weights of a plausible size, everywhere: for measuring a card without a file.
void fill_synthetic(const DeviceWeights& weights, std::uint64_t seed, cudaStream_t stream);

}  // namespace gptoss::backend::cuda

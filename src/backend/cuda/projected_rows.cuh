// What stage 1 does with a projected row: rotation, queries to a buffer, keys and values into the cache.
#pragma once

#include "backend/cuda/kv_elements.cuh"
#include "backend/cuda/stage_parts.cuh"

namespace gptoss::backend::cuda {

// Rotates what was projected and stores it. `sum_at(tile, inside, row)`: a matrix row's product, without its bias.
template <typename SumAt>
__device__ void store_projected(const DecodeContext& context, const LayerStage& stage, const TileRun& run,
                                const float2* rotations, const std::int64_t* cache_places,
                                const float* biases, SumAt sum_at) {
    // One thread a pair of neighbouring rows: what a rotation mixes.
    const int query_width = context.query_heads * kHeadSize, key_width = context.kv_heads * kHeadSize;
    const auto tile_elements = static_cast<int>(stage.pool.tile_elements());
    const int pairs = run.count * (kStreamTileRows / 2);
#pragma unroll 1
    for (int item = static_cast<int>(threadIdx.x); item < context.rows * pairs; item += kStreamThreads) {
        const int row = quotient(item, pairs), pair = item - row * pairs;
        const int tile = pair / 4, inside = pair % 4 * 2;
        float first = sum_at(tile, inside, row) + biases[2 * pair];
        float second = sum_at(tile, inside + 1, row) + biases[2 * pair + 1];
        const int output = run.first * kStreamTileRows + 2 * pair;
        if (output < query_width + key_width)
            rotate_pair(first, second, rotations[row * (kHeadSize / 2) + output % kHeadSize / 2]);
        if (output < query_width) {
            *reinterpret_cast<float2*>(context.buffers.query + std::int64_t{row} * query_width + output) = {
                first, second};
        } else {
            // Heads of keys, then heads of values: in the cache's block as in the matrix.
            const int element = output - query_width;
            store_kv_pair(stage.pool,
                          cache_places[row] + element / kHeadSize * tile_elements + element % kHeadSize,
                          first, second);
        }
    }
}

// Where the key of head 0 of a thread's row goes. Inputs and tables were there before the step began.
__device__ inline std::int64_t cache_place_of(const DecodeContext& context, const LayerStage& stage,
                                              int row) {
    const RowInput input = context.inputs[row];
    const std::int32_t* table = stage.slides ? context.tables.sliding : context.tables.full;
    const std::int32_t block = __ldg(table + std::int64_t{input.slot} * context.tables.table_stride +
                                     input.position / model::kBlockTokens);
    return kv_tile_start(stage.pool, stage.pool_layer, block, false, 0) +
           input.position % model::kBlockTokens * kHeadSize;
}

}  // namespace gptoss::backend::cuda

// Stage 1 of several rows in whole tiles: norm, query/key/value projection, bias, rotation.
#include "backend/cuda/decode_tiles.h"
#include "backend/cuda/expert_hidden.cuh"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/projected_rows.cuh"
#include "backend/cuda/tile_operands.cuh"

namespace gptoss::backend::cuda {
namespace {

// Several rows, in whole tiles.
using Tiles = RowTileStream<WeightFormat::q8_0, 2880, 15, 4>;
struct TilesLayout {
    int tile_capacity, rotations, cache_places, bytes;
};

template <int kGroups>
__global__ void __launch_bounds__(Tiles::kThreads, 2)
    query_key_value_tiles_kernel(const DecodeContext context, const LayerStage stage,
                                 const TilesLayout layout) {
#if __CUDA_ARCH__ >= 900
    std::byte* shared = dynamic_shared();
    auto* rotations = reinterpret_cast<float2*>(shared + layout.rotations);
    auto* cache_places = reinterpret_cast<std::int64_t*>(shared + layout.cache_places);
    const TileRun run = tiles_of_block(stage.weights.qkv.rows / kStreamTileRows, static_cast<int>(blockIdx.x),
                                       static_cast<int>(gridDim.x));
    const int thread = static_cast<int>(threadIdx.x);
    griddep_launch_dependents();
    const Tiles stream(layout.tile_capacity, run.count);
    if (Tiles::is_producer()) {
        stream.produce(0, run.count, [&](int tile) {
            return Tiles::source(stage.weights.qkv, stage.weights.qkv_bias,
                                 (run.first + tile) * kStreamTileRows);
        });
        griddep_wait();
    } else {
        prefetch_floats(stage.weights.attention_norm, context.hidden);
        if (thread < context.rows) cache_places[thread] = cache_place_of(context, stage, thread);
        griddep_wait();
        const bool has_rotation = thread < context.rows * (kHeadSize / 2);
        float2 rotation{};
        if (has_rotation)
            rotation = __ldcg(reinterpret_cast<const float2*>(context.device_rows.rotation) + thread);
        Tiles::Operands operands[kGroups];
        load_normalised_rows<Tiles>(operands, context,
                                    context.buffers.sums.square_before_attention(stage.layer, 0),
                                    stage.weights.attention_norm);
        if (has_rotation) rotations[thread] = rotation;
        stream.consume_rows(operands, 1.0F);
    }
    clear_expert_hidden(context);  // the layer before has read them
    __syncthreads();
    store_projected(context, stage, run, rotations, cache_places, stream.biases,
                    [&](int tile, int inside, int row) { return stream.sum_at_row(tile, inside, row); });
#endif
}

template <int kGroups>
void launch(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    const int tiles = stage.weights.qkv.rows / kStreamTileRows, blocks = std::min(context.sm_count, tiles);
    TilesLayout layout{};
    layout.tile_capacity = (tiles + blocks - 1) / blocks;
    layout.rotations = Tiles::shared_bytes(layout.tile_capacity, layout.tile_capacity, kGroups);
    layout.cache_places = layout.rotations + context.rows * kHeadSize * 4;
    layout.bytes = layout.cache_places + context.rows * 8;
    launch_pdl(query_key_value_tiles_kernel<kGroups>, dim3(static_cast<unsigned>(blocks)), Tiles::kThreads,
               layout.bytes, stream, context, stage, layout);
}

}  // namespace

void launch_query_key_value_tiles(const DecodeContext& context, const LayerStage& stage,
                                  cudaStream_t stream) {
    context.token_columns == 4 ? launch<1>(context, stage, stream) : launch<2>(context, stage, stream);
}

void prepare_query_key_value_tiles() {
    allow_shared_memory(query_key_value_tiles_kernel<1>);
    allow_shared_memory(query_key_value_tiles_kernel<2>);
}

}  // namespace gptoss::backend::cuda

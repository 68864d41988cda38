// Stage 1: norm, query/key/value projection, bias, rotation; queries to a buffer, keys and values into the
// cache.
#include "backend/cuda/decode_tiles.h"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/projected_rows.cuh"

namespace gptoss::backend::cuda {
namespace {

// Offsets in shared memory, behind the rings.
struct Layout {
    int tile_capacity, activation_stride, activations, sums, biases, rotations, cache_places, bytes;
};

template <WeightFormat kType, int kGroups>
Layout layout_of(int rows, int columns, int tiles, int blocks) {
    Layout layout{};
    layout.tile_capacity = (tiles + blocks - 1) / blocks;
    layout.activation_stride = activation_stride_bytes(kType, columns);
    layout.activations = kRingBytes;
    layout.sums = layout.activations + rows * layout.activation_stride;
    layout.biases = layout.sums + TileSums<kGroups * 4>::bytes(layout.tile_capacity);
    layout.rotations = layout.biases + layout.tile_capacity * kStreamTileRows * 4;
    layout.cache_places = layout.rotations + rows * kHeadSize * 4;
    layout.bytes = layout.cache_places + rows * 8;
    return layout;
}

template <WeightFormat kType, int kGroups>
__global__ void __launch_bounds__(kStreamThreads, 2)
    query_key_value_kernel(const DecodeContext context, const LayerStage stage, const Layout layout) {
    std::byte* shared = dynamic_shared();
    const DeviceMatrix& matrix = stage.weights.qkv;
    const TileRun run = tiles_of_block(matrix.rows / kStreamTileRows, static_cast<int>(blockIdx.x),
                                       static_cast<int>(gridDim.x));
    const TileSums<kGroups * 4> sums(shared + layout.sums, layout.tile_capacity, run.count,
                                     k_tiles_a_tile(kType, context.hidden));
    auto* biases = reinterpret_cast<float*>(shared + layout.biases);
    auto* rotations = reinterpret_cast<float2*>(shared + layout.rotations);
    auto* cache_places = reinterpret_cast<std::int64_t*>(shared + layout.cache_places);
    const int thread = static_cast<int>(threadIdx.x);

    griddep_launch_dependents();
    auto tile_of = [&](int tile) { return tile_address(matrix, (run.first + tile) * kStreamTileRows); };
    KTileStream<kType, kGroups, decltype(tile_of)> stream(matrix, sums, tile_of);
    copy_biases(biases, run.count,
                [&](int tile) { return stage.weights.qkv_bias + (run.first + tile) * kStreamTileRows; });
    stream.start();
    prefetch_floats(stage.weights.attention_norm, context.hidden);
    if (thread < context.rows) cache_places[thread] = cache_place_of(context, stage, thread);
    griddep_wait();

    if (thread < context.rows * (kHeadSize / 2))
        rotations[thread] = __ldcg(reinterpret_cast<const float2*>(context.device_rows.rotation) + thread);
    store_normalised_rows<kType>(
        shared + layout.activations, layout.activation_stride,
        residual_rows(context, 0, context.rows, context.buffers.sums.square_before_attention(stage.layer, 0)),
        stage.weights.attention_norm);
    __syncthreads();
    stream.run(
        [&](int, int column) {
            return static_cast<std::uint32_t>(layout.activations +
                                              min(column, context.rows - 1) * layout.activation_stride);
        },
        1.0F);
    finish_stream();

    store_projected(context, stage, run, rotations, cache_places, biases,
                    [&](int tile, int inside, int row) { return sums.at(tile, inside, row); });
}

template <WeightFormat kType, int kGroups>
void launch(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    const int tiles = stage.weights.qkv.rows / kStreamTileRows;
    const int blocks = std::min(context.sm_count, tiles);
    const Layout layout = layout_of<kType, kGroups>(context.rows, context.hidden, tiles, blocks);
    launch_pdl(query_key_value_kernel<kType, kGroups>, dim3(static_cast<unsigned>(blocks)), kStreamThreads,
               layout.bytes, stream, context, stage, layout);
}

}  // namespace

void launch_query_key_value(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    if (context.whole_tiles && !context.single_token)
        return launch_query_key_value_tiles(context, stage, stream);
    with_weight_format(stage.weights.qkv.type, [&](auto type) {
        constexpr WeightFormat kType = decltype(type)::value;
        if (context.token_columns == 4)
            launch<kType, 1>(context, stage, stream);
        else
            launch<kType, 2>(context, stage, stream);
    });
}

void prepare_query_key_value() {
    prepare_query_key_value_tiles();
    for_each_weight_format([](auto type) {
        allow_shared_memory(query_key_value_kernel<decltype(type)::value, 1>);
        allow_shared_memory(query_key_value_kernel<decltype(type)::value, 2>);
    });
}

}  // namespace gptoss::backend::cuda

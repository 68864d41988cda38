// Stage 1: norm, query/key/value projection, bias, rotation; queries to a buffer, keys and values into the
// cache.
#include "backend/cuda/kv_elements.cuh"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/stage_parts.cuh"

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
    if (thread < context.rows) {
        // Where the row's key of head 0 goes. Inputs and tables were there before the step began.
        const RowInput input = context.inputs[thread];
        const std::int32_t* table = stage.slides ? context.tables.sliding : context.tables.full;
        const std::int32_t block = __ldg(table + std::int64_t{input.slot} * context.tables.table_stride +
                                         input.position / model::kBlockTokens);
        cache_places[thread] = kv_tile_start(stage.pool, stage.pool_layer, block, false, 0) +
                               input.position % model::kBlockTokens * kHeadSize;
    }
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

    // One thread a pair of neighbouring rows: what a rotation mixes.
    const int query_width = context.query_heads * kHeadSize, key_width = context.kv_heads * kHeadSize;
    const auto tile_elements = static_cast<int>(stage.pool.tile_elements());
#pragma unroll 1
    for (int row = 0; row < context.rows; ++row) {
#pragma unroll 1
        for (int pair = thread; pair < run.count * (kStreamTileRows / 2); pair += kStreamThreads) {
            const int tile = pair / 4, inside = pair % 4 * 2;
            float first = sums.at(tile, inside, row) + biases[2 * pair];
            float second = sums.at(tile, inside + 1, row) + biases[2 * pair + 1];
            const int output = run.first * kStreamTileRows + 2 * pair;
            if (output < query_width + key_width) {
                rotate_pair(first, second, rotations[row * (kHeadSize / 2) + output % kHeadSize / 2]);
            }
            if (output < query_width) {
                *reinterpret_cast<float2*>(context.buffers.query + std::int64_t{row} * query_width +
                                           output) = {first, second};
            } else {
                // Heads of keys, then heads of values: in the cache's block as in the matrix.
                const int element = output - query_width;
                store_kv_pair(stage.pool,
                              cache_places[row] + element / kHeadSize * tile_elements + element % kHeadSize,
                              first, second);
            }
        }
    }
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
    with_weight_format(stage.weights.qkv.type, [&](auto type) {
        constexpr WeightFormat kType = decltype(type)::value;
        if (context.token_columns == 4)
            launch<kType, 1>(context, stage, stream);
        else
            launch<kType, 2>(context, stage, stream);
    });
}

void prepare_query_key_value() {
    for_each_weight_format([](auto type) {
        allow_shared_memory(query_key_value_kernel<decltype(type)::value, 1>);
        allow_shared_memory(query_key_value_kernel<decltype(type)::value, 2>);
    });
}

}  // namespace gptoss::backend::cuda

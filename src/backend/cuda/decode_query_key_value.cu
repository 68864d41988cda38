// Stage 1: norm, query/key/value projection, bias, rotation; queries to a buffer, keys and values into the
// cache.
#include "backend/cuda/kv_elements.cuh"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/stage_parts.cuh"

namespace gptoss::backend::cuda {
namespace {

struct Layout {
    int tile_capacity, activation_stride, activations, sums, biases, bytes;
};

template <PlaneType kType, int kGroups>
__host__ __device__ Layout layout_of(int rows, int columns, int tiles, int blocks) {
    Layout layout{};
    layout.tile_capacity = (tiles + blocks - 1) / blocks;
    layout.activation_stride = activation_stride_bytes(kType, columns);
    layout.activations = kRingBytes;
    layout.sums = layout.activations + rows * layout.activation_stride;
    layout.biases = layout.sums + TileSums<kGroups * 4>::bytes(layout.tile_capacity);
    layout.bytes = layout.biases + layout.tile_capacity * kTileRows * 4;
    return layout;
}

template <PlaneType kType, int kGroups>
__global__ void __launch_bounds__(kStreamThreads, 2)
    query_key_value_kernel(const DecodeContext context, const LayerStage stage) {
    extern __shared__ __align__(128) std::byte shared[];
    const DeviceMatrix& matrix = stage.weights.qkv;
    const int tiles = matrix.rows / kTileRows;
    const Layout layout =
        layout_of<kType, kGroups>(context.rows, context.hidden, tiles, static_cast<int>(gridDim.x));
    const TileRun run = tiles_of_block(tiles, static_cast<int>(blockIdx.x), static_cast<int>(gridDim.x));
    const TileSums<kGroups * 4> sums(shared + layout.sums, layout.tile_capacity, run.count,
                                     slabs_a_tile(kType, context.hidden));
    float* biases = reinterpret_cast<float*>(shared + layout.biases);

    let_next_stage_start();
    auto tile_of = [&](int tile) { return tile_address(matrix, std::int64_t{run.first + tile} * kTileRows); };
    SlabStream<kType, kGroups, decltype(tile_of)> stream(shared, matrix, sums, tile_of);
    copy_biases(biases, run.count,
                [&](int tile) { return stage.weights.qkv_bias + (run.first + tile) * kTileRows; });
    stream.start();
    prefetch_floats(stage.weights.attention_norm, context.hidden);
    wait_for_previous_stage();

    for (int row = 0; row < context.rows; ++row) {
        const float factor = root_mean_square_factor(
            context.buffers.sums.square_before_attention(stage.layer, row), context.hidden, context.epsilon);
        store_normalised_row<kType>(shared + layout.activations + row * layout.activation_stride,
                                    context.buffers.residual + std::int64_t{row} * context.hidden,
                                    stage.weights.attention_norm, context.hidden, factor);
    }
    __syncthreads();
    const std::uint32_t activations = shared_address(shared + layout.activations);
    stream.run(
        [&](int, int column) {
            return activations +
                   static_cast<std::uint32_t>(min(column, context.rows - 1) * layout.activation_stride);
        },
        1.0F);
    wait_for_copies<0>();
    __syncthreads();

    // One thread a pair of neighbouring rows: what a rotation mixes.
    const int query_width = context.query_heads * kHeadSize, key_width = context.kv_heads * kHeadSize;
    const int pairs = run.count * (kTileRows / 2);
    for (int item = static_cast<int>(threadIdx.x); item < pairs * context.rows; item += kStreamThreads) {
        const int pair = item % pairs, row = item / pairs;
        const int tile = pair / 4, inside = pair % 4 * 2;
        float first = sums.at(tile, inside, row) + biases[tile * kTileRows + inside];
        float second = sums.at(tile, inside + 1, row) + biases[tile * kTileRows + inside + 1];
        int output = (run.first + tile) * kTileRows + inside;
        if (output < query_width + key_width) {
            const float2 turn = __ldcg(reinterpret_cast<const float2*>(context.device_rows.rotation) +
                                       row * (kHeadSize / 2) + output % kHeadSize / 2);
            const float turned = first * turn.x - second * turn.y;
            second = second * turn.x + first * turn.y;
            first = turned;
        }
        if (output < query_width) {
            *reinterpret_cast<float2*>(context.buffers.query + std::int64_t{row} * query_width + output) = {
                first, second};
            continue;
        }
        output -= query_width;
        const bool is_value = output >= key_width;
        if (is_value) output -= key_width;
        const int position = __ldcg(context.device_rows.positions + row);
        const std::int32_t* table = stage.slides ? context.tables.sliding : context.tables.full;
        const std::int32_t block = __ldcg(
            table + std::int64_t{__ldcg(context.device_rows.slots + row)} * context.tables.table_stride +
            position / model::kBlockTokens);
        const std::int64_t tile_start =
            kv_tile_start(stage.pool, pool_layer(stage.layer), block, is_value, output / kHeadSize);
        store_kv_pair(stage.pool,
                      tile_start + position % model::kBlockTokens * kHeadSize + output % kHeadSize, first,
                      second);
    }
}

template <typename Action>
void for_each_kernel(Action action) {
    auto of_type = [&](auto type) {
        constexpr PlaneType kType = decltype(type)::value;
        action(query_key_value_kernel<kType, 1>);
        action(query_key_value_kernel<kType, 2>);
    };
    for (PlaneType type : {PlaneType::mxfp4, PlaneType::q8_0, PlaneType::f16, PlaneType::bf16})
        with_plane_type(type, of_type);
}

template <PlaneType kType, int kGroups>
void launch(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    const int tiles = stage.weights.qkv.rows / kTileRows;
    const int blocks = min(context.multiprocessors, tiles);
    launch_dependent(
        query_key_value_kernel<kType, kGroups>, dim3(static_cast<unsigned>(blocks)), kStreamThreads,
        layout_of<kType, kGroups>(context.rows, context.hidden, tiles, blocks).bytes, stream, context, stage);
}

}  // namespace

void launch_query_key_value(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    with_plane_type(stage.weights.qkv.type, [&](auto type) {
        constexpr PlaneType kType = decltype(type)::value;
        if (context.rows <= 4)
            launch<kType, 1>(context, stage, stream);
        else
            launch<kType, 2>(context, stage, stream);
    });
}

void prepare_query_key_value() {
    for_each_kernel([](auto kernel) { allow_shared_memory(kernel); });
}

}  // namespace gptoss::backend::cuda

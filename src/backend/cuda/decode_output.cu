// Stage 3: attention output projection, bias, residual. A block that owns some rows of the new residual adds
// their share to every expert's router logit and to the sum of squares, so that the router is no stage of its
// own: logits = (W (g * x)) / rms(x) + b is linear in x up to one factor.
#include "backend/cuda/decode_tiles.h"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/router_shares.cuh"
#include "backend/cuda/sm_occupancy.h"
#include "backend/cuda/stage_parts.cuh"

namespace gptoss::backend::cuda {
namespace {

// Offsets in shared memory, behind the rings.
struct Layout {
    int tile_capacity, activation_stride, activations, sums, biases, gained, router, router_sums, bytes;
};

template <WeightFormat kType, int kGroups>
Layout layout_of(const DecodeContext& context, int tiles, int blocks, int router_element_bytes) {
    Layout layout{};
    layout.tile_capacity = (tiles + blocks - 1) / blocks;
    const int row_capacity = layout.tile_capacity * kStreamTileRows;
    layout.activation_stride = activation_stride_bytes(kType, context.query_heads * kHeadSize);
    layout.activations = kRingBytes;
    layout.sums = layout.activations + context.rows * layout.activation_stride;
    layout.biases = layout.sums + TileSums<kGroups * 4>::bytes(layout.tile_capacity);
    layout.gained = layout.biases + row_capacity * 4;
    layout.router = layout.gained + context.rows * row_capacity * 4;
    layout.router_sums = layout.router + row_capacity * context.experts * router_element_bytes;
    layout.bytes = layout.router_sums + kRouterParts * kStreamThreads * 4;
    return layout;
}

template <WeightFormat kType, int kGroups>
__global__ void __launch_bounds__(kStreamThreads, 2)
    output_kernel(const DecodeContext context, const LayerStage stage, const Layout layout) {
    std::byte* shared = dynamic_shared();
    const DeviceMatrix& matrix = stage.weights.output;
    const TileRun run = tiles_of_block(matrix.rows / kStreamTileRows, static_cast<int>(blockIdx.x),
                                       static_cast<int>(gridDim.x));
    const TileSums<kGroups * 4> sums(shared + layout.sums, layout.tile_capacity, run.count,
                                     k_tiles_a_tile(kType, matrix.columns));
    auto* biases = reinterpret_cast<float*>(shared + layout.biases);
    auto* gained = reinterpret_cast<float*>(shared + layout.gained);  // [row][own rows], x * g
    const int first_row = run.first * kStreamTileRows, own_rows = run.count * kStreamTileRows;
    const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;

    griddep_launch_dependents();
    auto tile_of = [&](int tile) { return tile_address(matrix, first_row + tile * kStreamTileRows); };
    KTileStream<kType, kGroups, decltype(tile_of)> stream(matrix, sums, tile_of);
    copy_biases(biases, run.count,
                [&](int tile) { return stage.weights.output_bias + first_row + tile * 8; });
    copy_router(shared + layout.router, context, stage.weights, first_row, own_rows);
    stream.start();
    const float gain = lane < own_rows ? __ldg(stage.weights.expert_norm + first_row + lane) : 0.0F;
    griddep_wait();

    // A warp has a row in the end: what it needs then.
    float* residual = context.buffers.residual + std::int64_t{warp} * context.hidden + first_row;
    const float before = warp < context.rows && lane < own_rows ? __ldcg(residual + lane) : 0.0F;
    store_activation_rows<kType>(shared + layout.activations, layout.activation_stride,
                                 context.buffers.attention, matrix.columns, context.rows);
    __syncthreads();
    stream.run(
        [&](int, int column) {
            return static_cast<std::uint32_t>(layout.activations +
                                              min(column, context.rows - 1) * layout.activation_stride);
        },
        1.0F / kAttentionShrink);
    finish_stream();

    static_assert(kMaxDecodeRows <= kStreamWarps, "a warp for every row");
    if (warp < context.rows) {
        float square = 0;
#pragma unroll 1
        for (int i = lane; i < own_rows; i += 32) {
            // Few SMs: a block has more than 32 rows.
            const float old = i < 32 ? before : __ldcg(residual + i);
            const float own_gain = i < 32 ? gain : __ldg(stage.weights.expert_norm + first_row + i);
            const float value = old + (sums.at(i / kStreamTileRows, i % kStreamTileRows, warp) + biases[i]);
            residual[i] = value;
            square += value * value;
            gained[warp * own_rows + i] = value * own_gain;
        }
        square = warp_sum(square);
        if (lane == 0)
            add_fixed_point(context.buffers.sums.square_before_experts(stage.layer, warp), square,
                            kSquareFractionBits);
    }
    __syncthreads();

    add_router_shares<kRouterParts>(shared + layout.router, gained,
                                    reinterpret_cast<float*>(shared + layout.router_sums), own_rows, context,
                                    stage);
}

template <WeightFormat kType, int kGroups>
void launch(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    const int tiles = stage.weights.output.rows / kStreamTileRows;
    const int blocks = std::min(context.sm_count, tiles);
    const int router_element_bytes = stage.weights.router_columns_bf16 != nullptr ? 2 : 4;
    const Layout layout = layout_of<kType, kGroups>(context, tiles, blocks, router_element_bytes);
    launch_pdl(output_kernel<kType, kGroups>, dim3(static_cast<unsigned>(blocks)), kStreamThreads,
               one_block_per_sm(layout.bytes, context.shared_bytes_per_block), stream, context, stage,
               layout);
}

}  // namespace

void launch_output(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    if (context.whole_tiles) return launch_output_tiles(context, stage, stream);
    with_weight_format(stage.weights.output.type, [&](auto type) {
        constexpr WeightFormat kType = decltype(type)::value;
        if (context.token_columns == 4)
            launch<kType, 1>(context, stage, stream);
        else
            launch<kType, 2>(context, stage, stream);
    });
}

void prepare_output() {
    prepare_output_tiles();
    for_each_weight_format([](auto type) {
        allow_shared_memory(output_kernel<decltype(type)::value, 1>);
        allow_shared_memory(output_kernel<decltype(type)::value, 2>);
    });
}

}  // namespace gptoss::backend::cuda

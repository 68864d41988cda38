// Stage 3 in whole tiles: attention output projection, bias, residual, its rows' share of the router's logits.
#include "backend/cuda/decode_tiles.h"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/router_shares.cuh"
#include "backend/cuda/sm_occupancy.h"
#include "backend/cuda/tile_operands.cuh"

namespace gptoss::backend::cuda {
namespace {

// In whole tiles: one row, or up to 4 kGroups of several. All tiles of a block fit into the ring.
using Tiles = RowTileStream<WeightFormat::q8_0, 4096, 16, 3, false>;
struct TilesLayout {
    int tile_capacity, gained, router, bytes;
};

template <int kGroups, bool kAlone>
__global__ void __launch_bounds__(Tiles::kThreads, 2)
    output_tiles_kernel(const DecodeContext context, const LayerStage stage, const TilesLayout layout) {
#if __CUDA_ARCH__ >= 900
    std::byte* shared = dynamic_shared();
    griddep_launch_dependents();
    const TileRun run = tiles_of_block(stage.weights.output.rows / kStreamTileRows,
                                       static_cast<int>(blockIdx.x), static_cast<int>(gridDim.x));
    const int first_row = run.first * kStreamTileRows, own_rows = run.count * kStreamTileRows;
    const Tiles stream(layout.tile_capacity, run.count);
    if (Tiles::is_producer())
        stream.produce(0, run.count, [&](int tile) {
            return Tiles::source(stage.weights.output, stage.weights.output_bias,
                                 first_row + tile * kStreamTileRows);
        });
    copy_router(shared + layout.router, context, stage.weights, first_row, own_rows);
    commit_copies();
    auto* gained = reinterpret_cast<float*>(shared + layout.gained);  // [row][own rows], x * g
    // A warp has a row in the end, a lane one of its outputs: what it needs then.
    const int warp = Tiles::warp(), lane = Tiles::lane();
    const bool has_output = warp < context.rows && lane < own_rows;
    const float gain = has_output ? __ldg(stage.weights.expert_norm + first_row + lane) : 0.0F;
    griddep_wait();

    float* residual = context.buffers.residual + warp * context.hidden + first_row + lane;
    const float before = has_output ? __ldcg(residual) : 0.0F;
    Tiles::Operands operands[kGroups];
#pragma unroll
    for (int group = 0; group < kGroups; ++group)
        Tiles::load_stored(operands[group],
                           context.buffers.attention +
                               (kAlone ? 0 : min(group * 4 + lane / 8, context.rows - 1) * Tiles::kColumns));
    if constexpr (kAlone)
        stream.consume_row(operands, 1.0F / kAttentionShrink, [](int) { return 0; });
    else
        stream.consume_rows(operands, 1.0F / kAttentionShrink);
    wait_for_copies<0>();
    __syncthreads();

    if (warp < context.rows) {
        float value = 0;
        if (has_output) {
            const int tile = lane / kStreamTileRows, inside = lane % kStreamTileRows;
            value = before + (kAlone ? stream.at(tile, inside) : stream.at_row(tile, inside, warp));
            *residual = value;
            gained[warp * own_rows + lane] = value * gain;
        }
        const float square = warp_sum(value * value);
        if (lane == 0)
            add_fixed_point(context.buffers.sums.square_before_experts(stage.layer, warp), square,
                            kSquareFractionBits);
    }
    __syncthreads();
    // The ring has been read: its place serves for the router's sums.
    add_router_shares<kAlone ? 1 : kRouterParts>(shared + layout.router, gained,
                                                 reinterpret_cast<float*>(shared), own_rows, context, stage);
#endif
}

template <int kGroups, bool kAlone>
void launch(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    const int tiles = stage.weights.output.rows / kStreamTileRows, blocks = std::min(context.sm_count, tiles);
    TilesLayout layout{};
    layout.tile_capacity = (tiles + blocks - 1) / blocks;
    const int row_capacity = layout.tile_capacity * kStreamTileRows;
    layout.gained = kAlone ? Tiles::shared_bytes(layout.tile_capacity)
                           : Tiles::shared_bytes(layout.tile_capacity, layout.tile_capacity, kGroups);
    layout.router = layout.gained + context.rows * row_capacity * 4;
    layout.bytes = layout.router +
                   row_capacity * context.experts * (stage.weights.router_columns_bf16 != nullptr ? 2 : 4);
    launch_pdl(output_tiles_kernel<kGroups, kAlone>, dim3(static_cast<unsigned>(blocks)), Tiles::kThreads,
               one_block_per_sm(layout.bytes, context.shared_bytes_per_block), stream, context, stage,
               layout);
}

}  // namespace

void launch_output_tiles(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    if (context.single_token) return launch<1, true>(context, stage, stream);
    if (context.token_columns == 4) return launch<1, false>(context, stage, stream);
    launch<2, false>(context, stage, stream);
}

void prepare_output_tiles() {
    allow_shared_memory(output_tiles_kernel<1, true>);
    allow_shared_memory(output_tiles_kernel<1, false>);
    allow_shared_memory(output_tiles_kernel<2, false>);
}

}  // namespace gptoss::backend::cuda

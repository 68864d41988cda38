// Stage 5 in whole tiles: down projection of the chosen experts, bias, weighted sum, residual.
#include "backend/cuda/active_experts.cuh"
#include "backend/cuda/decode_tiles.h"
#include "backend/cuda/expert_hidden.cuh"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/tile_operands.cuh"

namespace gptoss::backend::cuda {
namespace {

// The step's only row, in whole tiles. Operand columns are the row's experts by rank.
using Tiles = RowTileStream<WeightFormat::mxfp4, 2880, 15, 6>;
struct TilesLayout {
    int tile_capacity, squares, choice, bytes;
};

__global__ void __launch_bounds__(Tiles::kThreads, 2)
    down_tiles_kernel(const DecodeContext context, const LayerStage stage, const TilesLayout layout) {
#if __CUDA_ARCH__ >= 900
    auto& choice = *reinterpret_cast<TopKRouting*>(dynamic_shared() + layout.choice);
    griddep_launch_dependents();
    // Tile of the stream = (row tile, rank): all experts of a row tile one after another.
    const TileRun run = tiles_of_block(context.hidden / kStreamTileRows, static_cast<int>(blockIdx.x),
                                       static_cast<int>(gridDim.x));
    const Tiles stream(layout.tile_capacity, run.count * kExpertsPerToken);

    // Four threads an output in the end, one for each of the row's experts: what they need then.
    const int thread = static_cast<int>(threadIdx.x), own_rows = run.count * kStreamTileRows,
              rank = thread % kExpertsPerToken, output = thread / kExpertsPerToken;
    float* residual = context.buffers.residual + run.first * kStreamTileRows;
    float before = 0;
    if (Tiles::is_producer()) {
        const RouterBiases router_biases = load_router_biases(stage.weights.router_bias, context.experts);
        choose_experts_of_row(context.buffers.sums.router(stage.layer, 0),
                              context.buffers.sums.square_before_experts(stage.layer, 0),
                              router_biases.values, context, choice.chosen[0], choice.weight[0]);
        __syncwarp();
        stream.produce(0, stream.tiles, [&](int tile) {
            const int expert = choice.chosen[0][tile % kExpertsPerToken];
            const int row = expert * context.hidden + (run.first + tile / kExpertsPerToken) * kStreamTileRows;
            return Tiles::source(stage.weights.down, stage.weights.down_bias, row);
        });
        griddep_wait();
    } else {
        griddep_wait();
        if (output < own_rows) before = __ldcg(residual + output);
        Tiles::Operands operands[1];
        Tiles::load_stored(operands[0],
                           context.buffers.expert_hidden +
                               Tiles::lane() / 8 * stored_activations(context.intermediate_size));
        stream.consume_row(operands, 1.0F, [](int tile) { return tile % kExpertsPerToken; });
    }
    __syncthreads();

    auto* squares = reinterpret_cast<float*>(dynamic_shared() + layout.squares);
    if (output < (own_rows + 7) / 8 * 8) {  // whole warps take part in the shuffles
        const bool used = output < own_rows;
        const int row = used ? output : 0, tile = row / kStreamTileRows * kExpertsPerToken + rank;
        float sum = choice.weight[0][rank] * stream.at(tile, row % kStreamTileRows);
        sum += __shfl_xor_sync(kAllLanes, sum, 1);
        sum += __shfl_xor_sync(kAllLanes, sum, 2);
        if (used && rank == 0) {
            const float value = before + sum;
            residual[row] = value;
            squares[row] = value * value;
        }
    }
    __syncthreads();
    if (thread < 32) {
        float square = 0;
#pragma unroll 1
        for (int i = thread; i < own_rows; i += 32) square += squares[i];
        square = warp_sum(square);
        if (thread == 0)
            add_fixed_point(context.buffers.sums.square_before_attention(stage.layer + 1, 0), square,
                            kSquareFractionBits);
    }
#endif
}

void launch_alone(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    const int tiles = context.hidden / kStreamTileRows, blocks = std::min(context.sm_count, tiles);
    TilesLayout layout{};
    const int row_tiles = (tiles + blocks - 1) / blocks;
    layout.tile_capacity = row_tiles * kExpertsPerToken;
    layout.squares = Tiles::shared_bytes(layout.tile_capacity);
    layout.choice = layout.squares + row_tiles * kStreamTileRows * 4;
    layout.bytes = layout.choice + static_cast<int>(sizeof(TopKRouting));
    launch_pdl(down_tiles_kernel, dim3(static_cast<unsigned>(blocks)), Tiles::kThreads, layout.bytes, stream,
               context, stage, layout);
}

// Several rows, in whole tiles: every chosen expert's tiles once. A consumer adds up its share of a row's four experts in
// registers, so that sums of consumers are added once, at the end. An operand has columns for four rows; where rows of both
// groups chose an expert, its tiles are multiplied twice.
struct RowsLayout {
    int tile_capacity, squares, active, bytes;
};
constexpr int kMostRowTiles = 3;  // of a block, which are a tile of the stream
// A longer ring would leave no room beside gate and up's block.
using RowsTiles = RowTileStream<WeightFormat::mxfp4, 2880, 15, 2, true, kMostRowTiles * kStreamTileRows>;

// An expert and a group of four rows some of which chose it.
struct Slot {
    std::uint8_t active, group;
    bool is_last;  // of the expert's
};
struct Slots {
    int count;
    Slot slot[ActiveExperts::kMost];
};
// One warp.
[[maybe_unused]] __device__ inline void find_slots(Slots& slots, const ActiveExperts& active) {
    const int lane = Tiles::lane();
    const bool is_first = lane < active.count && active.has_group(lane, 0),
               is_second = lane < active.count && active.has_group(lane, 1);
    const unsigned first = __ballot_sync(kAllLanes, is_first), second = __ballot_sync(kAllLanes, is_second);
    const unsigned before = (1U << lane) - 1U;
    int place = __popc(first & before) + __popc(second & before);
    const auto index = static_cast<std::uint8_t>(lane);
    if (is_first) slots.slot[place++] = {index, 0, !is_second};
    if (is_second) slots.slot[place] = {index, 1, true};
    if (lane == 0) slots.count = __popc(first) + __popc(second);
}

// The hidden rows of a slot's expert as operands: nothing where a row did not choose it.
[[maybe_unused]] __device__ inline void load_hidden(RowsTiles::Operands& operands, const Slot& slot,
                                                    const ActiveExperts& active,
                                                    const DecodeContext& context) {
    const int row = slot.group * 4 + RowsTiles::lane() / 8;
    if (active.has_row(slot.active, row)) {
        RowsTiles::load_stored(
            operands,
            context.buffers.expert_hidden + (row * kExpertsPerToken + active.rank[slot.active][row]) *
                                                stored_activations(context.intermediate_size),
            load_expert_hidden);
    } else {
#pragma unroll
        for (uint4& operand : operands) operand = {};
    }
}

// A consumer's run through all experts; its sums of a group of rows and a row tile end in stream.sums by lane.
template <int kGroups>
__device__ void multiply_experts(const RowsTiles& stream, const ActiveExperts& active, const Slots& slots,
                                 const DecodeContext& context) {
    float sums[kMostRowTiles][kGroups] = {};
    RowsTiles::Operands operands[1], next;
    load_hidden(next, slots.slot[0], active, context);
#pragma unroll 1
    for (int i = 0; i < slots.count; ++i) {
        const Slot slot = slots.slot[i];
#pragma unroll
        for (int step = 0; step < RowsTiles::kSteps; ++step) operands[0][step] = next[step];
#pragma unroll 1
        while (__any_sync(kAllLanes, is_any_not_stored(operands[0]))) {
            __nanosleep(100);
            load_hidden(operands[0], slot, active, context);
        }
        if (i + 1 < slots.count) load_hidden(next, slots.slot[i + 1], active, context);
        const int row = slot.group * 4 + RowsTiles::lane() % 4;
        const float weight =
            active.has_row(slot.active, row) ? active.weight[row][active.rank[slot.active][row]] : 0.0F;
        const RowsTiles::Place place = RowsTiles::place_of(slot.active);
        stream.wait_full(place);
        // All of them, so that one's instructions fill another's waits: a third that does not exist is not used.
#pragma unroll
        for (int tile = 0; tile < kMostRowTiles; ++tile) {
            float results[1];
            RowsTiles::multiply_tile(place, operands, results, tile * kStreamTileRows);
#pragma unroll
            for (int group = 0; group < kGroups; ++group)
                sums[tile][group] += kGroups == 1 || slot.group == group ? weight * results[0] : 0.0F;
        }
        if (slot.is_last) stream.release(place);
    }
#pragma unroll
    for (int tile = 0; tile < kMostRowTiles; ++tile)
#pragma unroll
        for (int group = 0; group < kGroups; ++group)
            stream.sums[((group * kMostRowTiles + tile) * RowsTiles::kConsumers + RowsTiles::warp()) * 32 +
                        RowsTiles::lane()] = sums[tile][group];
}

// Behind the block's barrier: a row's output `output`, of its experts.
[[maybe_unused]] __device__ inline float output_of_experts(const RowsTiles& stream,
                                                           const ActiveExperts& active, int row, int output) {
    float value = RowsTiles::sum_of_consumers(
        stream.sums + (row / 4 * kMostRowTiles + output / kStreamTileRows) * RowsTiles::kConsumers * 32,
        output % kStreamTileRows, row);
#pragma unroll
    for (int rank = 0; rank < kExpertsPerToken; ++rank)
        value +=
            active.weight[row][rank] * stream.biases[active.index[row][rank] * RowsTiles::kTileRows + output];
    return value;
}

// kGroups of four rows.
template <int kGroups>
__global__ void __launch_bounds__(RowsTiles::kThreads, 2)
    down_rows_kernel(const DecodeContext context, const LayerStage stage, const RowsLayout layout) {
#if __CUDA_ARCH__ >= 900
    auto& active = *reinterpret_cast<ActiveExperts*>(dynamic_shared() + layout.active);
    auto& slots = *reinterpret_cast<Slots*>(&active + 1);
    griddep_launch_dependents();
    const RouterBiases router_biases = load_router_biases(stage.weights.router_bias, context.experts);
    choose_for_row_of_warp(active, context, stage.layer, router_biases, [] {});
    __syncthreads();
    if (RowsTiles::is_producer()) {
        gather_active_experts(active, context.rows);
        find_slots(slots, active);
    }
    // Tile of the stream = all of the block's rows of an expert.
    const TileRun run = tiles_of_block(context.hidden / kStreamTileRows, static_cast<int>(blockIdx.x),
                                       static_cast<int>(gridDim.x));
    RowsTiles stream(layout.tile_capacity, 0);
    stream.tiles = active.count;
    stream.tile_rows = run.count * kStreamTileRows;

    const int thread = static_cast<int>(threadIdx.x), own_rows = run.count * kStreamTileRows;
    const int output_row = quotient(thread, own_rows), output = thread - output_row * own_rows;
    const bool has_output = output_row < context.rows;
    float* residual = context.buffers.residual + run.first * kStreamTileRows +
                      (has_output ? output_row * context.hidden + output : 0);
    float before = 0;
    if (RowsTiles::is_producer()) {
        stream.produce(0, stream.tiles, [&](int tile) {
            const int row = active.expert[tile] * context.hidden + run.first * kStreamTileRows;
            return RowsTiles::source(stage.weights.down, stage.weights.down_bias, row);
        });
        griddep_wait();
    } else {
        if (has_output) before = __ldcg(residual);
        // Gate and up may still compute: hidden rows come when they are there.
        multiply_experts<kGroups>(stream, active, slots, context);
        griddep_wait();  // nobody reads the residual any more
    }
    __syncthreads();

    auto* squares = reinterpret_cast<float*>(dynamic_shared() + layout.squares);
    if (has_output) {
        const float value = before + output_of_experts(stream, active, output_row, output);
        *residual = value;
        squares[thread] = value * value;
    }
    __syncthreads();
    const int warp = thread / 32, lane = thread % 32;
    if (warp < context.rows) {
        const float square = warp_sum(lane < own_rows ? squares[warp * own_rows + lane] : 0.0F);
        if (lane == 0)
            add_fixed_point(context.buffers.sums.square_before_attention(stage.layer + 1, warp), square,
                            kSquareFractionBits);
    }
#endif
}

template <int kGroups>
void launch_rows(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    const int tiles = context.hidden / kStreamTileRows, blocks = std::min(context.sm_count, tiles);
    RowsLayout layout{};
    const int row_tiles = (tiles + blocks - 1) / blocks;
    layout.tile_capacity = context.rows * kExpertsPerToken;
    layout.squares = RowsTiles::shared_bytes_with(layout.tile_capacity,
                                                  kGroups * kMostRowTiles * RowsTiles::kConsumers * 32 * 4);
    layout.active = layout.squares + context.rows * row_tiles * kStreamTileRows * 4;
    layout.bytes = layout.active + static_cast<int>(sizeof(ActiveExperts) + sizeof(Slots));
    launch_pdl(down_rows_kernel<kGroups>, dim3(static_cast<unsigned>(blocks)), RowsTiles::kThreads,
               layout.bytes, stream, context, stage, layout);
}

}  // namespace

void launch_down_tiles(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    if (context.single_token) return launch_alone(context, stage, stream);
    context.token_columns == 4 ? launch_rows<1>(context, stage, stream)
                               : launch_rows<2>(context, stage, stream);
}

void prepare_down_tiles() {
    allow_shared_memory(down_tiles_kernel);
    allow_shared_memory(down_rows_kernel<1>);
    allow_shared_memory(down_rows_kernel<2>);
}

}  // namespace gptoss::backend::cuda

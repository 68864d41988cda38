// Stage 4 in whole tiles: norm, the router's choice, gate and up projections of the chosen experts, SwiGLU.
#include "backend/cuda/active_experts.cuh"
#include "backend/cuda/decode_tiles.h"
#include "backend/cuda/expert_hidden.cuh"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/ops/common/swiglu.cuh"
#include "backend/cuda/tile_operands.cuh"

namespace gptoss::backend::cuda {
namespace {

// The step's only row, in whole tiles.
using Tiles = RowTileStream<WeightFormat::mxfp4, 2880, 15, 6>;
struct TilesLayout {
    int tile_capacity, choice, bytes;
};

__global__ void __launch_bounds__(Tiles::kThreads, 2)
    gate_up_tiles_kernel(const DecodeContext context, const LayerStage stage, const TilesLayout layout) {
#if __CUDA_ARCH__ >= 900
    auto& choice = *reinterpret_cast<TopKRouting*>(dynamic_shared() + layout.choice);
    const int expert_rows = 2 * context.intermediate_size, expert_tiles = expert_rows / kStreamTileRows;
    const TileRun run = tiles_of_block(kExpertsPerToken * expert_tiles, static_cast<int>(blockIdx.x),
                                       static_cast<int>(gridDim.x));
    auto rank_of = [&](int tile) { return quotient(run.first + tile, expert_tiles); };
    const Tiles stream(layout.tile_capacity, run.count);
    if (Tiles::is_producer()) {
        const RouterBiases router_biases = load_router_biases(stage.weights.router_bias, context.experts);
        griddep_wait();
        const int* experts = choose_experts_alone(choice, context, stage.layer, router_biases.values);
        auto source_of = [&](int tile) {
            const int rank = rank_of(tile);
            const int row =
                experts[rank] * expert_rows + (run.first + tile - rank * expert_tiles) * kStreamTileRows;
            return Tiles::source(stage.weights.gate_up, stage.weights.gate_up_bias, row);
        };
        const int ahead = min(run.count, Tiles::kStages);
        stream.produce(0, ahead, source_of);
        // After our own wait: the down kernel reads the router's sums before it waits, so they must be final here.
        griddep_launch_dependents();
        stream.produce(ahead, run.count, source_of);
    } else {
        float4 gains[2 * Tiles::kSteps];
        load_gains<Tiles>(gains, stage.weights.expert_norm);
        griddep_wait();
        Tiles::Operands operands[1];
        load_normalised<Tiles>(operands[0], context,
                               context.buffers.sums.square_before_experts(stage.layer, 0), gains);
        stream.consume_row(operands, 1.0F, [](int) { return 0; });
    }
    __syncthreads();

    // One thread a pair of neighbouring rows: gate and up.
    const WeightFormat down_type = stage.weights.down.type;
    const int stored_width = stored_activations(context.intermediate_size);
#pragma unroll 1
    for (int pair = static_cast<int>(threadIdx.x); pair < run.count * (kStreamTileRows / 2);
         pair += Tiles::kThreads) {
        const int tile = pair / 4, inside = pair % 4 * 2, rank = rank_of(tile);
        const int place = swizzled_element(
            (run.first + tile - rank * expert_tiles) * (kStreamTileRows / 2) + pair % 4, down_type);
        context.buffers.expert_hidden[rank * stored_width + place] =
            to_activation(swiglu(stream.at(tile, inside), stream.at(tile, inside + 1)), down_type);
    }
#endif
}

void launch_alone(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    const int tiles = kExpertsPerToken * (2 * context.intermediate_size / kStreamTileRows);
    const int blocks = std::min(context.sm_count, tiles);
    TilesLayout layout{};
    layout.tile_capacity = (tiles + blocks - 1) / blocks;
    layout.choice = Tiles::shared_bytes(layout.tile_capacity);
    layout.bytes = layout.choice + static_cast<int>(sizeof(TopKRouting));
    launch_pdl(gate_up_tiles_kernel, dim3(static_cast<unsigned>(blocks)), Tiles::kThreads, layout.bytes,
               stream, context, stage, layout);
}

// Several rows, in whole tiles of 16 matrix rows: every chosen expert's once, multiplied with all rows. A consumer stores its
// sums of the rows that chose the expert; the consumers add up a tile's in turns, one tile behind.
using RowsTiles = RowTileStream<WeightFormat::mxfp4, 2880, 15, 3, true, 16>;
struct RowsLayout {
    int tile_capacity, active, bytes;
};

// A tile's sums, [consumer][row of the entry][matrix row]. Padding: the lanes' stores fall into different banks.
struct TileSlot {
    static constexpr int kStride = RowsTiles::kTileRows + 4;
    static constexpr int kFloats = ActiveExperts::kRowsOfEntry * kStride;
    // A consumer may be a whole ring ahead of one that still adds up the tile before its last.
    static constexpr int kCount = RowsTiles::kStages + 2;
    static constexpr int kBytes = kCount * RowsTiles::kConsumers * kFloats * 4;
    static __device__ int place(int slot, int consumer) {
        return (slot * RowsTiles::kConsumers + consumer) * kFloats;
    }
};

// Tiles are dealt to the blocks in turn: all work on the same expert, whose hidden rows are there before the next one's.
[[maybe_unused]] __device__ inline int tiles_in_turn(int tiles) {
    const int blocks = static_cast<int>(gridDim.x);
    return quotient(tiles - static_cast<int>(blockIdx.x) + blocks - 1, blocks);
}

// Which of its sums of a tile (multiply_wide_tile()) a consumer's lane stores, those of rows that chose the expert, and where.
struct LaneRows {
    bool first, second;
    int place;
    __device__ explicit LaneRows(unsigned rows) {
        const int row = RowsTiles::lane() % 4 * 2;
        first = (rows >> row & 1U) != 0;
        second = (rows >> row & 2U) != 0;
        place = __popc(rows & ((1U << row) - 1U)) * TileSlot::kStride + RowsTiles::lane() / 4;
    }
};
[[maybe_unused]] __device__ inline void store_sums(const LaneRows& rows, float* sums,
                                                   const float (&results)[4]) {
    sums += rows.place;
    if (rows.first) sums[0] = results[0], sums[8] = results[2], sums += TileSlot::kStride;
    if (rows.second) sums[0] = results[1], sums[8] = results[3];
}

// Adds up a tile: lanes are matrix rows, gate and up by turns, of one of the entry's rows and of another.
[[maybe_unused]] __device__ inline void finish_tile(const RowsTiles& stream, const ActiveExperts& active,
                                                    const DecodeContext& context, int tile,
                                                    int expert_tiles) {
    const int number = static_cast<int>(blockIdx.x) + tile * static_cast<int>(gridDim.x),
              index = quotient(number, expert_tiles), tile_of_expert = number - index * expert_tiles;
    const int lane = RowsTiles::lane(), row = lane % 16, count = __popc(active.rows[index]);
    const float bias = stream.biases[tile * RowsTiles::kTileRows + row];
#pragma unroll 1
    for (int i = lane / 16; i < (count + 1) / 2 * 2; i += 2) {
        const float* own = stream.sums + TileSlot::place(tile % TileSlot::kCount, 0) +
                           min(i, count - 1) * TileSlot::kStride + row;
        float values[RowsTiles::kConsumers], sum = 0;
#pragma unroll
        for (int warp = 0; warp < RowsTiles::kConsumers; ++warp) values[warp] = own[warp * TileSlot::kFloats];
#pragma unroll
        for (int warp = 0; warp < RowsTiles::kConsumers; ++warp) sum += values[warp];
        sum = sum * RowsTiles::kFactor + bias;
        const float up = __shfl_down_sync(kAllLanes, sum, 1);
        if (row % 2 != 0 || i >= count) continue;
        const int of = active.row[index][i];
        store_expert_hidden(context.buffers.expert_hidden +
                                (of * kExpertsPerToken + active.rank[index][of]) *
                                    stored_activations(context.intermediate_size) +
                                swizzled_element<WeightFormat::mxfp4>(tile_of_expert * 8 + row / 2),
                            to_activation(swiglu(sum, up), WeightFormat::mxfp4));
    }
}

__global__ void __launch_bounds__(RowsTiles::kThreads, 2)
    gate_up_rows_kernel(const DecodeContext context, const LayerStage stage, const RowsLayout layout) {
#if __CUDA_ARCH__ >= 900
    auto& active = *reinterpret_cast<ActiveExperts*>(dynamic_shared() + layout.active);
    const int expert_rows = 2 * context.intermediate_size, expert_tiles = expert_rows / RowsTiles::kTileRows;
    RowsTiles stream(layout.tile_capacity, 0);
    constexpr int kChoiceBarrier = 1;
    const RouterBiases router_biases = load_router_biases(stage.weights.router_bias, context.experts);
    // Behind the first weights it would come late.
    prefetch_floats(stage.weights.expert_norm, context.hidden);
    griddep_wait();
    if (RowsTiles::is_producer()) {
        named_barrier<kChoiceBarrier, RowsTiles::kThreads>();
        gather_active_experts(active, context.rows);
        const int count = tiles_in_turn(active.count * expert_tiles);
        const auto source_of = [&](int tile) {
            const int number = static_cast<int>(blockIdx.x) + tile * static_cast<int>(gridDim.x);
            const int index = quotient(number, expert_tiles);
            const int row =
                active.expert[index] * expert_rows + (number - index * expert_tiles) * RowsTiles::kTileRows;
            return RowsTiles::source(stage.weights.gate_up, stage.weights.gate_up_bias, row);
        };
        const int ahead = min(count, RowsTiles::kStages);
        stream.produce(0, ahead, source_of);
        // After our own wait: the down kernel reads the router's sums before it waits, so they must be final here.
        griddep_launch_dependents();
        stream.produce(ahead, count, source_of);
        return;
    }
    WideRowShare<RowsTiles> share;
    choose_for_row_of_warp(active, context, stage.layer, router_biases, [&] {
        share.ask(context, context.buffers.sums.square_before_experts(stage.layer, 0));
    });
    named_barrier_arrive<kChoiceBarrier, RowsTiles::kThreads>();
    RowsTiles::WideOperands operands;
    share.to_operands(operands, context, stage.weights.expert_norm);
    const int warp = RowsTiles::warp();
    RowsTiles::Place place{};
    stream.wait_full(place);  // now the experts are known
    const int count = tiles_in_turn(active.count * expert_tiles);
    int index = 0, tile_of_expert = static_cast<int>(blockIdx.x), slot = 0;
    int turn = warp;  // the next tile that the warp adds up
    LaneRows rows(active.rows[0]);
#pragma unroll 1
    for (int tile = 0; tile < count; ++tile, place.advance()) {
        stream.wait_full(place);
        float results[4];
        RowsTiles::multiply_wide_tile(place, operands, results);
        store_sums(rows, stream.sums + TileSlot::place(slot, warp), results);
        stream.release(place);
        if (++slot == TileSlot::kCount) slot = 0;
        if (tile == turn + 1 || (tile == turn && tile + 1 == count)) {
            stream.wait_empty(RowsTiles::place_of(turn));
            finish_tile(stream, active, context, turn, expert_tiles);
            turn += RowsTiles::kConsumers;
        }
        tile_of_expert += static_cast<int>(gridDim.x);
        if (tile_of_expert >= expert_tiles) {
            tile_of_expert -= expert_tiles;
            rows = LaneRows(active.rows[++index]);
        }
    }
#endif
}

void launch_rows(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    const int expert_tiles = 2 * context.intermediate_size / RowsTiles::kTileRows;
    const int most_tiles = std::min(context.rows * kExpertsPerToken, ActiveExperts::kMost) * expert_tiles;
    const int blocks = std::min(context.sm_count, expert_tiles);
    RowsLayout layout{};
    layout.tile_capacity = (most_tiles + blocks - 1) / blocks;
    layout.active = RowsTiles::shared_bytes_with(layout.tile_capacity, TileSlot::kBytes);
    layout.bytes = layout.active + static_cast<int>(sizeof(ActiveExperts));
    launch_pdl(gate_up_rows_kernel, dim3(static_cast<unsigned>(blocks)), RowsTiles::kThreads, layout.bytes,
               stream, context, stage, layout);
}

}  // namespace

void launch_gate_up_tiles(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    if (context.single_token) return launch_alone(context, stage, stream);
    launch_rows(context, stage, stream);
}

void prepare_gate_up_tiles() {
    allow_shared_memory(gate_up_tiles_kernel);
    allow_shared_memory(gate_up_rows_kernel);
}

}  // namespace gptoss::backend::cuda

// Stage 4: norm, the router's choice, gate and up projections of the chosen experts, SwiGLU.
// Blocks with the same blockIdx.y work on the same four rows. Which experts' weights to read is known only
// after the stage before: this is the one place of a step where memory idles for a moment.
#include "backend/cuda/decode_tiles.h"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/ops/common/swiglu.cuh"
#include "backend/cuda/stage_parts.cuh"

namespace gptoss::backend::cuda {
namespace {

// Offsets in shared memory, behind the rings.
struct Layout {
    int tile_capacity, activation_stride, activations, sums, biases, choice, bytes;
};

template <WeightFormat kType>
Layout layout_of(const DecodeContext& context, int blocks) {
    Layout layout{};
    const int rows = std::min(context.rows, TopKRouting::kGroupRows);
    const int most_tiles = rows * kExpertsPerToken * (2 * context.intermediate_size / kStreamTileRows);
    layout.tile_capacity = (most_tiles + blocks - 1) / blocks;
    layout.activation_stride = activation_stride_bytes(kType, context.hidden);
    layout.activations = kRingBytes;
    layout.sums = layout.activations + rows * layout.activation_stride;
    layout.biases = layout.sums + TileSums<4>::bytes(layout.tile_capacity);
    layout.choice = layout.biases + layout.tile_capacity * kStreamTileRows * 4;
    layout.bytes = layout.choice + static_cast<int>(sizeof(TopKRouting));
    return layout;
}

// kAlone: the step has one row. There is less to choose and less code: the kernels of a step together decide how often
// an SM misses its instruction cache.
template <WeightFormat kType, bool kAlone>
__global__ void __launch_bounds__(kStreamThreads, 2)
    gate_up_kernel(const DecodeContext context, const LayerStage stage, const Layout layout) {
    std::byte* shared = dynamic_shared();
    auto& choice = *reinterpret_cast<TopKRouting*>(shared + layout.choice);
    const DeviceMatrix& matrix = stage.weights.gate_up;
    const int first_row = static_cast<int>(blockIdx.y) * TopKRouting::kGroupRows;
    const int rows = kAlone ? 1 : min(context.rows - first_row, TopKRouting::kGroupRows);
    auto* biases = reinterpret_cast<float*>(shared + layout.biases);
    const int thread = static_cast<int>(threadIdx.x);

    const RouterBiases router_biases = load_router_biases(stage.weights.router_bias, context.experts);
    prefetch_floats(stage.weights.expert_norm, context.hidden);
    griddep_wait();
    // After our own wait: the down kernel reads the router's sums before it waits, so they must be final here.
    griddep_launch_dependents();
    const int* experts = choice.expert;
    if constexpr (kAlone)
        experts = choose_experts_alone(choice, context, stage.layer, router_biases.values);
    else
        choose_experts(choice, context, stage.layer, first_row, rows, router_biases.values);
    const int active = kAlone ? kExpertsPerToken : choice.active;

    const int expert_rows = 2 * context.intermediate_size, expert_tiles = expert_rows / kStreamTileRows;
    const TileRun run =
        tiles_of_block(active * expert_tiles, static_cast<int>(blockIdx.x), static_cast<int>(gridDim.x));
    const TileSums<4> sums(shared + layout.sums, layout.tile_capacity, run.count,
                           k_tiles_a_tile(kType, context.hidden));
    auto active_of = [&](int tile) { return quotient(run.first + tile, expert_tiles); };
    auto matrix_row = [&](int tile) {
        const int index = active_of(tile);
        return experts[index] * expert_rows + (run.first + tile - index * expert_tiles) * kStreamTileRows;
    };
    auto tile_of = [&](int tile) { return tile_address(matrix, matrix_row(tile)); };
    KTileStream<kType, 1, decltype(tile_of)> stream(matrix, sums, tile_of);
    stream.start();
    copy_biases(biases, run.count, [&](int tile) { return stage.weights.gate_up_bias + matrix_row(tile); });
    // While the first weights are on their way.
    store_normalised_rows<kType>(
        shared + layout.activations, layout.activation_stride,
        residual_rows(context, first_row, rows,
                      context.buffers.sums.square_before_experts(stage.layer, first_row)),
        stage.weights.expert_norm);
    __syncthreads();
    stream.run(
        [&](int tile, int column) {
            const int row = kAlone ? 0 : choice.row[active_of(tile)][column];
            return static_cast<std::uint32_t>(layout.activations + row * layout.activation_stride);
        },
        1.0F);
    finish_stream();

    // One thread a pair of neighbouring rows: gate and up.
    const WeightFormat down_type = stage.weights.down.type;
    const int stored_width = stored_activations(context.intermediate_size);
#pragma unroll 1
    for (int pair = thread; pair < run.count * (kStreamTileRows / 2); pair += kStreamThreads) {
        const int tile = pair / 4, inside = pair % 4 * 2, index = active_of(tile);
        const int place = swizzled_element(
            (run.first + tile - index * expert_tiles) * (kStreamTileRows / 2) + pair % 4, down_type);
        const int columns = kAlone ? 1 : choice.columns[index];
#pragma unroll 1
        for (int column = 0; column < columns; ++column) {
            const float gate = sums.at(tile, inside, column) + biases[2 * pair];
            const float up = sums.at(tile, inside + 1, column) + biases[2 * pair + 1];
            const int row = kAlone ? 0 : first_row + choice.row[index][column];
            const int rank = kAlone ? index : choice.rank[index][column];
            context.buffers
                .expert_hidden[(std::int64_t{row} * kExpertsPerToken + rank) * stored_width + place] =
                to_activation(swiglu(gate, up), down_type);
        }
    }
}

}  // namespace

void launch_gate_up(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    if (context.whole_tiles) return launch_gate_up_tiles(context, stage, stream);
    with_weight_format(stage.weights.gate_up.type, [&](auto type) {
        constexpr WeightFormat kType = decltype(type)::value;
        const int groups = (context.rows + TopKRouting::kGroupRows - 1) / TopKRouting::kGroupRows;
        const int tiles = kExpertsPerToken * (2 * context.intermediate_size / kStreamTileRows);
        const int blocks = std::min(context.sm_count, tiles);
        const Layout layout = layout_of<kType>(context, blocks);
        launch_pdl(context.single_token ? gate_up_kernel<kType, true> : gate_up_kernel<kType, false>,
                   dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(groups)), kStreamThreads,
                   layout.bytes, stream, context, stage, layout);
    });
}

void prepare_gate_up() {
    prepare_gate_up_tiles();
    for_each_weight_format([](auto type) {
        allow_shared_memory(gate_up_kernel<decltype(type)::value, true>);
        allow_shared_memory(gate_up_kernel<decltype(type)::value, false>);
    });
}

}  // namespace gptoss::backend::cuda

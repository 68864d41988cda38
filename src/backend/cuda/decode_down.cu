// Stage 5: down projection of the chosen experts, bias, weighted sum, residual. A block computes its rows of
// all chosen experts, so the sum needs no other block. Blocks with the same blockIdx.y work on the same two
// rows, or one. The experts are known before the wait (they follow from what stage 3 left), so their weights are on
// the way while stage 4 still computes.
#include "backend/cuda/decode_tiles.h"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/stage_parts.cuh"

namespace gptoss::backend::cuda {
namespace {

// Two, because every row brings four activation rows: 25 KB of shared memory a row. One, where two do not fit.
constexpr int kDownRows = 2;
static_assert(kDownRows <= TopKRouting::kGroupRows, "the choice has room for the rows");

// Offsets in shared memory, behind the rings.
struct Layout {
    int group_rows, sum_capacity, activation_stride, activations, sums, biases, squares, choice, bytes;
};

template <WeightFormat kType>
Layout layout_of(const DecodeContext& context, int rows, int blocks) {
    Layout layout{};
    layout.group_rows = rows;
    const int row_tiles = (context.hidden / kStreamTileRows + blocks - 1) / blocks;
    layout.sum_capacity = row_tiles * rows * kExpertsPerToken;  // a sum per row tile and expert
    layout.activation_stride = activation_stride_bytes(kType, context.intermediate_size);
    layout.activations = kRingBytes;
    layout.sums = layout.activations + rows * kExpertsPerToken * layout.activation_stride;
    layout.biases = layout.sums + TileSums<4>::bytes(layout.sum_capacity);
    layout.squares = layout.biases + layout.sum_capacity * kStreamTileRows * 4;
    layout.choice = layout.squares + rows * row_tiles * kStreamTileRows * 4;
    layout.bytes = layout.choice + static_cast<int>(sizeof(TopKRouting));
    return layout;
}

template <WeightFormat kType>
__global__ void __launch_bounds__(kStreamThreads, 2)
    down_kernel(const DecodeContext context, const LayerStage stage, const Layout layout) {
    std::byte* shared = dynamic_shared();
    auto& choice = *reinterpret_cast<TopKRouting*>(shared + layout.choice);
    const DeviceMatrix& matrix = stage.weights.down;
    const int first_row = static_cast<int>(blockIdx.y) * layout.group_rows;
    const int rows = min(context.rows - first_row, layout.group_rows);
    auto* biases = reinterpret_cast<float*>(shared + layout.biases);
    const int thread = static_cast<int>(threadIdx.x);

    griddep_launch_dependents();
    const RouterBiases router_biases = load_router_biases(stage.weights.router_bias, context.experts);
    choose_experts(choice, context, stage.layer, first_row, rows, router_biases.values);

    // Tile of the stream = (row tile, active expert): all experts of a row tile one after another.
    const TileRun run = tiles_of_block(context.hidden / kStreamTileRows, static_cast<int>(blockIdx.x),
                                       static_cast<int>(gridDim.x));
    const TileSums<4> sums(shared + layout.sums, layout.sum_capacity, run.count * choice.active,
                           k_tiles_a_tile(kType, context.intermediate_size));
    auto row_tile_of = [&](int tile) { return quotient(tile, choice.active); };
    auto matrix_row = [&](int tile) {
        const int row_tile = row_tile_of(tile), active = tile - row_tile * choice.active;
        return choice.expert[active] * context.hidden + (run.first + row_tile) * kStreamTileRows;
    };
    auto tile_of = [&](int tile) { return tile_address(matrix, matrix_row(tile)); };
    KTileStream<kType, 1, decltype(tile_of)> stream(matrix, sums, tile_of);
    copy_biases(biases, sums.tiles, [&](int tile) { return stage.weights.down_bias + matrix_row(tile); });
    stream.start();
    griddep_wait();

    // Four threads an output in the end, one for each of the row's experts: what they need then.
    const int own_rows = run.count * kStreamTileRows, rank = thread % kExpertsPerToken,
              output = thread / kExpertsPerToken;
    float* residual =
        context.buffers.residual + std::int64_t{first_row} * context.hidden + run.first * kStreamTileRows;
    auto place_of_output = [&](int item) {
        const int row = item >= own_rows ? 1 : 0;
        static_assert(kDownRows <= 2, "an output is of the first row or the second");
        return residual + (row * context.hidden + item - row * own_rows);
    };
    const float before = output < own_rows * rows ? __ldcg(place_of_output(output)) : 0.0F;
    store_activation_rows<kType>(
        shared + layout.activations, layout.activation_stride,
        context.buffers.expert_hidden +
            std::int64_t{first_row} * kExpertsPerToken * stored_activations(context.intermediate_size),
        context.intermediate_size, rows * kExpertsPerToken);
    __syncthreads();
    stream.run(
        [&](int tile, int column) {
            const int active = tile - row_tile_of(tile) * choice.active;
            const int source = choice.row[active][column] * kExpertsPerToken + choice.rank[active][column];
            return static_cast<std::uint32_t>(layout.activations + source * layout.activation_stride);
        },
        1.0F);
    finish_stream();

    auto* squares = reinterpret_cast<float*>(shared + layout.squares);
    constexpr int kOutputs = kStreamThreads / kExpertsPerToken;
    const int whole_warps = (own_rows * rows + 7) / 8 * 8;  // whole warps take part in the shuffles
#pragma unroll 1
    for (int item = output; item < whole_warps; item += kOutputs) {
        const bool used = item < own_rows * rows;
        const int row = used && item >= own_rows ? 1 : 0, i = used ? item - row * own_rows : 0;
        const int tile = i / kStreamTileRows * choice.active + choice.index[row][rank];
        float sum = choice.weight[row][rank] * (sums.at(tile, i % kStreamTileRows, choice.column[row][rank]) +
                                                biases[tile * kStreamTileRows + i % kStreamTileRows]);
        sum += __shfl_xor_sync(kAllLanes, sum, 1);
        sum += __shfl_xor_sync(kAllLanes, sum, 2);
        if (used && rank == 0) {
            const float value = (item < kOutputs ? before : __ldcg(place_of_output(item))) + sum;
            *place_of_output(item) = value;
            squares[item] = value * value;
        }
    }
    __syncthreads();
    const int warp = thread / 32, lane = thread % 32;
    if (warp < rows) {
        float square = 0;
#pragma unroll 1
        for (int i = lane; i < own_rows; i += 32) square += squares[warp * own_rows + i];
        square = warp_sum(square);
        if (lane == 0)
            add_fixed_point(context.buffers.sums.square_before_attention(stage.layer + 1, first_row + warp),
                            square, kSquareFractionBits);
    }
}

}  // namespace

void launch_down(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    if (context.whole_tiles) return launch_down_tiles(context, stage, stream);
    with_weight_format(stage.weights.down.type, [&](auto type) {
        constexpr WeightFormat kType = decltype(type)::value;
        const int blocks = std::min(context.sm_count, context.hidden / kStreamTileRows);
        Layout layout = layout_of<kType>(context, std::min(context.rows, kDownRows), blocks);
        if (layout.bytes > context.shared_bytes_per_block) layout = layout_of<kType>(context, 1, blocks);
        const int groups = (context.rows + layout.group_rows - 1) / layout.group_rows;
        launch_pdl(down_kernel<kType>, dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(groups)),
                   kStreamThreads, layout.bytes, stream, context, stage, layout);
    });
}

void prepare_down() {
    prepare_down_tiles();
    for_each_weight_format([](auto type) { allow_shared_memory(down_kernel<decltype(type)::value>); });
}

}  // namespace gptoss::backend::cuda

// Stage 4: norm, the router's choice, gate and up projections of the chosen experts, SwiGLU.
// Blocks with the same blockIdx.y work on the same four rows. Which experts' weights to read is known only
// after the stage before: this is the one place of a step where memory idles for a moment.
#include "backend/cuda/launch.cuh"
#include "backend/cuda/stage_parts.cuh"

namespace gptoss::backend::cuda {
namespace {

struct Layout {
    int tile_capacity, activation_stride, activations, sums, biases, bytes;
};

template <PlaneType kType>
__host__ __device__ Layout layout_of(const DecodeContext& context, int blocks) {
    Layout layout{};
    const int rows = min(context.rows, ExpertChoice::kGroupRows);
    const int most_tiles = rows * kExpertsUsed * (2 * context.expert_width / kTileRows);
    layout.tile_capacity = (most_tiles + blocks - 1) / blocks;
    layout.activation_stride = activation_stride_bytes(kType, context.hidden);
    layout.activations = kRingBytes;
    layout.sums = layout.activations + rows * layout.activation_stride;
    layout.biases = layout.sums + TileSums<4>::bytes(layout.tile_capacity);
    layout.bytes = layout.biases + layout.tile_capacity * kTileRows * 4;
    return layout;
}

// openai/gpt-oss gpt_oss/torch/model.py, swiglu.
__device__ inline float swiglu(float gate, float up) {
    constexpr float kLimit = model::Hyperparameters::kSwigluLimit;
    gate = fminf(gate, kLimit);
    up = fminf(fmaxf(up, -kLimit), kLimit);
    return gate / (1.0F + expf(-model::Hyperparameters::kSwigluAlpha * gate)) * (up + 1.0F);
}

template <PlaneType kType>
__global__ void __launch_bounds__(kStreamThreads, 2)
    gate_up_kernel(const DecodeContext context, const LayerStage stage) {
    extern __shared__ __align__(128) std::byte shared[];
    __shared__ ExpertChoice choice;
    const DeviceMatrix& matrix = stage.weights.gate_up;
    const Layout layout = layout_of<kType>(context, static_cast<int>(gridDim.x));
    const int first_row = static_cast<int>(blockIdx.y) * ExpertChoice::kGroupRows;
    const int rows = min(context.rows - first_row, ExpertChoice::kGroupRows);
    float* biases = reinterpret_cast<float*>(shared + layout.biases);

    float router_biases[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const int expert = static_cast<int>(threadIdx.x) % 32 + i * 32;
        router_biases[i] = expert < context.experts ? __ldg(stage.weights.router_bias + expert) : 0.0F;
    }
    prefetch_floats(stage.weights.expert_norm, context.hidden);
    wait_for_previous_stage();
    // Only now: the next stage chooses the experts too, from sums that are complete once this point is
    // reached.
    let_next_stage_start();
    choose_experts(choice, context, stage.layer, first_row, rows, router_biases);

    const int expert_rows = 2 * context.expert_width, expert_tiles = expert_rows / kTileRows;
    const TileRun run = tiles_of_block(choice.active * expert_tiles, static_cast<int>(blockIdx.x),
                                       static_cast<int>(gridDim.x));
    const TileSums<4> sums(shared + layout.sums, layout.tile_capacity, run.count,
                           slabs_a_tile(kType, context.hidden));
    auto matrix_row = [&](int tile) {
        const int global = run.first + tile;
        return std::int64_t{choice.expert[global / expert_tiles]} * expert_rows +
               global % expert_tiles * kTileRows;
    };
    auto tile_of = [&](int tile) { return tile_address(matrix, matrix_row(tile)); };
    SlabStream<kType, 1, decltype(tile_of)> stream(shared, matrix, sums, tile_of);
    stream.start();
    copy_biases(biases, run.count, [&](int tile) { return stage.weights.gate_up_bias + matrix_row(tile); });

    for (int row = 0; row < rows; ++row) {
        const float factor =
            root_mean_square_factor(context.buffers.sums.square_before_experts(stage.layer, first_row + row),
                                    context.hidden, context.epsilon);
        store_normalised_row<kType>(shared + layout.activations + row * layout.activation_stride,
                                    context.buffers.residual + std::int64_t{first_row + row} * context.hidden,
                                    stage.weights.expert_norm, context.hidden, factor);
    }
    __syncthreads();
    const std::uint32_t activations = shared_address(shared + layout.activations);
    stream.run(
        [&](int tile, int column) {
            const int active = (run.first + tile) / expert_tiles;
            return activations +
                   static_cast<std::uint32_t>(choice.row[active][column] * layout.activation_stride);
        },
        1.0F);
    wait_for_copies<0>();
    __syncthreads();

    // One thread a pair of neighbouring rows: gate and up.
    const int pairs = run.count * (kTileRows / 2);
    for (int item = static_cast<int>(threadIdx.x); item < pairs * rows; item += kStreamThreads) {
        const int pair = item % pairs, column = item / pairs;
        const int tile = pair / 4, inside = pair % 4 * 2;
        const int active = (run.first + tile) / expert_tiles;
        if (column >= choice.columns[active]) continue;
        const float gate = sums.at(tile, inside, column) + biases[tile * kTileRows + inside];
        const float up = sums.at(tile, inside + 1, column) + biases[tile * kTileRows + inside + 1];
        const int element = ((run.first + tile) % expert_tiles * kTileRows + inside) / 2;
        const int row = first_row + choice.row[active][column];
        const PlaneType down_type = stage.weights.down.type;
        context.buffers.expert_hidden[(std::int64_t{row} * kExpertsUsed + choice.rank[active][column]) *
                                          context.expert_width +
                                      place_of(element, down_type)] =
            to_activation(swiglu(gate, up), down_type);
    }
}

}  // namespace

void launch_gate_up(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    with_plane_type(stage.weights.gate_up.type, [&](auto type) {
        constexpr PlaneType kType = decltype(type)::value;
        const int groups = (context.rows + ExpertChoice::kGroupRows - 1) / ExpertChoice::kGroupRows;
        const int tiles = kExpertsUsed * (2 * context.expert_width / kTileRows);
        const int blocks = min(context.multiprocessors, tiles);
        launch_dependent(gate_up_kernel<kType>,
                         dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(groups)), kStreamThreads,
                         layout_of<kType>(context, blocks).bytes, stream, context, stage);
    });
}

void prepare_gate_up() {
    auto of_type = [](auto type) {
        constexpr PlaneType kType = decltype(type)::value;
        allow_shared_memory(gate_up_kernel<kType>);
    };
    for (PlaneType type : {PlaneType::mxfp4, PlaneType::q8_0, PlaneType::f16, PlaneType::bf16})
        with_plane_type(type, of_type);
}

}  // namespace gptoss::backend::cuda

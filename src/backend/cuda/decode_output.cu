// Stage 3: attention output projection, bias, residual. A block that owns some rows of the new residual adds
// their share to every expert's router logit and to the sum of squares, so that the router is no stage of its
// own: logits = (W (g * x)) / rms(x) + b is linear in x up to one factor.
#include "backend/cuda/launch.cuh"
#include "backend/cuda/stage_parts.cuh"

namespace gptoss::backend::cuda {
namespace {

constexpr int kRouterParts = 4;  // threads that share an expert's sum

struct Layout {
    int tile_capacity, activation_stride, activations, sums, biases, gained, router, router_sums, bytes;
};

template <PlaneType kType, int kGroups>
__host__ __device__ Layout layout_of(const DecodeContext& context, int tiles, int blocks,
                                     int router_element_bytes) {
    Layout layout{};
    layout.tile_capacity = (tiles + blocks - 1) / blocks;
    const int row_capacity = layout.tile_capacity * kTileRows;
    layout.activation_stride = activation_stride_bytes(kType, context.query_heads * kHeadSize);
    layout.activations = kRingBytes;
    layout.sums = layout.activations + context.rows * layout.activation_stride;
    layout.biases = layout.sums + TileSums<kGroups * 4>::bytes(layout.tile_capacity);
    layout.gained = layout.biases + row_capacity * 4;
    layout.router = layout.gained + context.rows * row_capacity * 4;
    layout.router_sums = layout.router + row_capacity * context.experts * router_element_bytes;
    layout.bytes = layout.router_sums + kStreamThreads * 4;
    return layout;
}

__device__ inline float router_weight(const std::byte* columns, int index, bool brain) {
    if (!brain) return reinterpret_cast<const float*>(columns)[index];
    return __uint_as_float(static_cast<std::uint32_t>(reinterpret_cast<const std::uint16_t*>(columns)[index])
                           << 16);
}

template <PlaneType kType, int kGroups>
__global__ void __launch_bounds__(kStreamThreads, 2)
    output_kernel(const DecodeContext context, const LayerStage stage) {
    extern __shared__ __align__(128) std::byte shared[];
    const DeviceMatrix& matrix = stage.weights.output;
    const int tiles = matrix.rows / kTileRows;
    const bool brain = stage.weights.router_columns_bf16 != nullptr;
    const Layout layout =
        layout_of<kType, kGroups>(context, tiles, static_cast<int>(gridDim.x), brain ? 2 : 4);
    const TileRun run = tiles_of_block(tiles, static_cast<int>(blockIdx.x), static_cast<int>(gridDim.x));
    const TileSums<kGroups * 4> sums(shared + layout.sums, layout.tile_capacity, run.count,
                                     slabs_a_tile(kType, matrix.columns));
    float* biases = reinterpret_cast<float*>(shared + layout.biases);
    const int first_row = run.first * kTileRows, own_rows = run.count * kTileRows;

    let_next_stage_start();
    auto tile_of = [&](int tile) { return tile_address(matrix, first_row + tile * kTileRows); };
    SlabStream<kType, kGroups, decltype(tile_of)> stream(shared, matrix, sums, tile_of);
    copy_biases(biases, run.count,
                [&](int tile) { return stage.weights.output_bias + first_row + tile * 8; });
    {
        const auto* router = brain ? reinterpret_cast<const std::byte*>(stage.weights.router_columns_bf16)
                                   : reinterpret_cast<const std::byte*>(stage.weights.router_columns_f32);
        const int row_bytes = context.experts * (brain ? 2 : 4);
        const std::byte* from = router + std::int64_t{first_row} * row_bytes;
        for (int i = static_cast<int>(threadIdx.x) * 16; i < own_rows * row_bytes; i += kStreamThreads * 16)
            copy_16_bytes_async(shared_address(shared + layout.router + i), from + i, true);
    }
    stream.start();
    prefetch_floats(stage.weights.expert_norm + first_row, own_rows);
    wait_for_previous_stage();

    for (int row = 0; row < context.rows; ++row)
        store_activation_row<kType>(shared + layout.activations + row * layout.activation_stride,
                                    context.buffers.attention + std::int64_t{row} * matrix.columns,
                                    matrix.columns);
    __syncthreads();
    const std::uint32_t activations = shared_address(shared + layout.activations);
    stream.run(
        [&](int, int column) {
            return activations +
                   static_cast<std::uint32_t>(min(column, context.rows - 1) * layout.activation_stride);
        },
        1.0F / kAttentionShrink);
    wait_for_copies<0>();
    __syncthreads();

    float* gained = reinterpret_cast<float*>(shared + layout.gained);  // [row][own rows], x * g
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    for (int row = warp; row < context.rows; row += kStreamWarps) {
        float square = 0;
        for (int i = lane; i < own_rows; i += 32) {
            float* place = context.buffers.residual + std::int64_t{row} * context.hidden + first_row + i;
            const float value = __ldcg(place) + (sums.at(i / kTileRows, i % kTileRows, row) + biases[i]);
            *place = value;
            square += value * value;
            gained[row * own_rows + i] = value * __ldg(stage.weights.expert_norm + first_row + i);
        }
        square = warp_sum(square);
        if (lane == 0)
            add_fixed_point(context.buffers.sums.square_before_experts(stage.layer, row), square,
                            kSquareFractionBits);
    }
    __syncthreads();

    float* router_sums = reinterpret_cast<float*>(shared + layout.router_sums);
    const int part = static_cast<int>(threadIdx.x) / kMostExperts,
              expert = static_cast<int>(threadIdx.x) % kMostExperts;
    static_assert(kRouterParts * kMostExperts == kStreamThreads, "every thread has a part of an expert");
    for (int row = 0; row < context.rows; ++row) {
        float sum = 0;
        if (expert < context.experts)
            for (int i = part; i < own_rows; i += kRouterParts)
                sum += router_weight(shared + layout.router, i * context.experts + expert, brain) *
                       gained[row * own_rows + i];
        router_sums[threadIdx.x] = sum;
        __syncthreads();
        if (part == 0 && expert < context.experts) {
#pragma unroll
            for (int i = 1; i < kRouterParts; ++i) sum += router_sums[i * kMostExperts + expert];
            add_fixed_point(context.buffers.sums.router(stage.layer, row) + expert, sum, kLogitFractionBits);
        }
        __syncthreads();
    }
}

template <PlaneType kType, int kGroups>
void launch(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    const int tiles = stage.weights.output.rows / kTileRows;
    const int blocks = min(context.multiprocessors, tiles);
    const int router_element_bytes = stage.weights.router_columns_bf16 != nullptr ? 2 : 4;
    launch_dependent(output_kernel<kType, kGroups>, dim3(static_cast<unsigned>(blocks)), kStreamThreads,
                     layout_of<kType, kGroups>(context, tiles, blocks, router_element_bytes).bytes, stream,
                     context, stage);
}

}  // namespace

void launch_output(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    with_plane_type(stage.weights.output.type, [&](auto type) {
        constexpr PlaneType kType = decltype(type)::value;
        if (context.rows <= 4)
            launch<kType, 1>(context, stage, stream);
        else
            launch<kType, 2>(context, stage, stream);
    });
}

void prepare_output() {
    auto of_type = [](auto type) {
        constexpr PlaneType kType = decltype(type)::value;
        allow_shared_memory(output_kernel<kType, 1>);
        allow_shared_memory(output_kernel<kType, 2>);
    };
    for (PlaneType type : {PlaneType::mxfp4, PlaneType::q8_0, PlaneType::f16, PlaneType::bf16})
        with_plane_type(type, of_type);
}

}  // namespace gptoss::backend::cuda

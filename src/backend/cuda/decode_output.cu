// Stage 3: attention output projection, bias, residual. A block that owns some rows of the new residual adds
// their share to every expert's router logit and to the sum of squares, so that the router is no stage of its
// own: logits = (W (g * x)) / rms(x) + b is linear in x up to one factor.
#include "backend/cuda/launch.cuh"
#include "backend/cuda/sm_occupancy.h"
#include "backend/cuda/stage_parts.cuh"

namespace gptoss::backend::cuda {
namespace {

constexpr int kRouterParts = kStreamThreads / kMaxExperts;  // threads that share an expert's sum

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
    layout.bytes = layout.router_sums + kStreamThreads * 4;
    return layout;
}

__device__ inline float router_weight(const std::byte* columns, int index, bool is_bf16) {
    if (!is_bf16) return reinterpret_cast<const float*>(columns)[index];
    return __uint_as_float(static_cast<std::uint32_t>(reinterpret_cast<const std::uint16_t*>(columns)[index])
                           << 16);
}

// The router's columns of a block's rows to shared memory, as part of the caller's next copy group.
__device__ void copy_router(std::byte* to, const DecodeContext& context, const DeviceLayer& weights,
                            int first_row, int own_rows) {
    const bool is_bf16 = weights.router_columns_bf16 != nullptr;
    const auto* router = is_bf16 ? reinterpret_cast<const std::byte*>(weights.router_columns_bf16)
                                 : reinterpret_cast<const std::byte*>(weights.router_columns_f32);
    const int row_bytes = context.experts * (is_bf16 ? 2 : 4);
    const std::byte* from = router + std::int64_t{first_row} * row_bytes;
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x) * 16; i < own_rows * row_bytes; i += kStreamThreads * 16)
        copy_16_bytes_async(shared_address(to + i), from + i, true);
}

// Adds the block's share to every expert's logits. `gained` [row][own rows]: x * g; `sums`: kStreamThreads floats.
__device__ void add_router_shares(const std::byte* router, const float* gained, float* sums, int own_rows,
                                  const DecodeContext& context, const LayerStage& stage) {
    const bool is_bf16 = stage.weights.router_columns_bf16 != nullptr;
    const int thread = static_cast<int>(threadIdx.x), part = thread / kMaxExperts,
              expert = thread % kMaxExperts;
#pragma unroll 1
    for (int row = 0; row < context.rows; ++row) {
        float sum = 0;
        if (expert < context.experts)
#pragma unroll 2
            for (int i = part; i < own_rows; i += kRouterParts)
                sum +=
                    router_weight(router, i * context.experts + expert, is_bf16) * gained[row * own_rows + i];
        sums[thread] = sum;
        __syncthreads();
        if (part == 0 && expert < context.experts) {
#pragma unroll
            for (int i = 1; i < kRouterParts; ++i) sum += sums[i * kMaxExperts + expert];
            add_fixed_point(context.buffers.sums.router(stage.layer, row) + expert, sum, kLogitFractionBits);
        }
        __syncthreads();
    }
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

    add_router_shares(shared + layout.router, gained, reinterpret_cast<float*>(shared + layout.router_sums),
                      own_rows, context, stage);
}

// The step's only row, in whole tiles. All tiles of a block fit into the ring.
using Tiles = RowTileStream<WeightFormat::q8_0, 4096, 16, 3, false>;
struct TilesLayout {
    int tile_capacity, gained, router, router_sums, bytes;
};

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
    auto* gained = reinterpret_cast<float*>(shared + layout.gained);  // [own rows], x * g
    // A lane of the first warp has an output in the end: what it needs then.
    const int thread = static_cast<int>(threadIdx.x);
    const bool has_output = thread < own_rows;
    const float gain = has_output ? __ldg(stage.weights.expert_norm + first_row + thread) : 0.0F;
    griddep_wait();

    float* residual = context.buffers.residual + first_row + thread;
    const float before = has_output ? __ldcg(residual) : 0.0F;
    Tiles::Operands operands;
    Tiles::load_stored(operands, context.buffers.attention);
    stream.consume(operands, 1.0F / kAttentionShrink, [](int) { return 0; });
    wait_for_copies<0>();
    __syncthreads();

    if (thread < 32) {
        float value = 0;
        if (has_output) {
            value = before + stream.at(thread / kStreamTileRows, thread % kStreamTileRows);
            *residual = value;
            gained[thread] = value * gain;
        }
        const float square = warp_sum(value * value);
        if (thread == 0)
            add_fixed_point(context.buffers.sums.square_before_experts(stage.layer, 0), square,
                            kSquareFractionBits);
    }
    __syncthreads();
    add_router_shares(shared + layout.router, gained, reinterpret_cast<float*>(shared + layout.router_sums),
                      own_rows, context, stage);
#endif
}

void launch_tiles(const DecodeContext& context, const LayerStage& stage, cudaStream_t stream) {
    const int tiles = stage.weights.output.rows / kStreamTileRows, blocks = std::min(context.sm_count, tiles);
    TilesLayout layout{};
    layout.tile_capacity = (tiles + blocks - 1) / blocks;
    const int row_capacity = layout.tile_capacity * kStreamTileRows;
    layout.gained = Tiles::shared_bytes(layout.tile_capacity);
    layout.router = layout.gained + row_capacity * 4;
    layout.router_sums = layout.router + row_capacity * context.experts *
                                             (stage.weights.router_columns_bf16 != nullptr ? 2 : 4);
    layout.bytes = layout.router_sums + kStreamThreads * 4;
    launch_pdl(output_tiles_kernel, dim3(static_cast<unsigned>(blocks)), Tiles::kThreads,
               one_block_per_sm(layout.bytes, context.shared_bytes_per_block), stream, context, stage,
               layout);
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
    if (context.whole_tiles) return launch_tiles(context, stage, stream);
    with_weight_format(stage.weights.output.type, [&](auto type) {
        constexpr WeightFormat kType = decltype(type)::value;
        if (context.token_columns == 4)
            launch<kType, 1>(context, stage, stream);
        else
            launch<kType, 2>(context, stage, stream);
    });
}

void prepare_output() {
    allow_shared_memory(output_tiles_kernel);
    for_each_weight_format([](auto type) {
        allow_shared_memory(output_kernel<decltype(type)::value, 1>);
        allow_shared_memory(output_kernel<decltype(type)::value, 2>);
    });
}

}  // namespace gptoss::backend::cuda

// After the last layer: norm and lm_head.
#include "backend/cuda/launch.cuh"
#include "backend/cuda/stage_parts.cuh"

namespace gptoss::backend::cuda {
namespace {

// More tiles than this a block, and their sums take too much shared memory.
constexpr int kMostTiles = 192;

// Offsets in shared memory, behind the rings.
struct Layout {
    int tile_capacity, activation_stride, activations, sums, bytes;
};

template <WeightFormat kType, int kGroups>
Layout layout_of(int rows, int columns, int tiles, int blocks) {
    Layout layout{};
    layout.tile_capacity = (tiles + blocks - 1) / blocks;
    layout.activation_stride = activation_stride_bytes(kType, columns);
    layout.activations = kRingBytes;
    layout.sums = layout.activations + rows * layout.activation_stride;
    layout.bytes = layout.sums + TileSums<kGroups * 4>::bytes(layout.tile_capacity);
    return layout;
}

template <WeightFormat kType, int kGroups>
__global__ void __launch_bounds__(kStreamThreads, 2)
    lm_head_kernel(const DecodeContext context, const float* output_norm, const DeviceMatrix matrix,
                   float* logits, const std::int64_t logits_stride, const Layout layout) {
    std::byte* shared = dynamic_shared();
    const TileRun run = tiles_of_block(matrix.rows / kStreamTileRows, static_cast<int>(blockIdx.x),
                                       static_cast<int>(gridDim.x));
    const TileSums<kGroups * 4> sums(shared + layout.sums, layout.tile_capacity, run.count,
                                     k_tiles_a_tile(kType, context.hidden));
    griddep_launch_dependents();
    auto tile_of = [&](int tile) { return tile_address(matrix, (run.first + tile) * kStreamTileRows); };
    KTileStream<kType, kGroups, decltype(tile_of)> stream(matrix, sums, tile_of);
    stream.start();
    prefetch_floats(output_norm, context.hidden);
    griddep_wait();

    store_normalised_rows<kType>(
        shared + layout.activations, layout.activation_stride,
        residual_rows(context, 0, context.rows,
                      context.buffers.sums.square_before_attention(context.buffers.sums.layers, 0)),
        output_norm);
    __syncthreads();
    stream.run(
        [&](int, int column) {
            return static_cast<std::uint32_t>(layout.activations +
                                              min(column, context.rows - 1) * layout.activation_stride);
        },
        1.0F);
    finish_stream();
    const int own_rows = run.count * kStreamTileRows;
#pragma unroll 1
    for (int row = 0; row < context.rows; ++row) {
        const int index = context.inputs[row].logits_index;
        if (index < 0) continue;
#pragma unroll 1
        for (int i = static_cast<int>(threadIdx.x); i < own_rows; i += kStreamThreads) {
            const int token = run.first * kStreamTileRows + i;
            if (token < context.vocabulary)
                logits[index * logits_stride + token] =
                    sums.at(i / kStreamTileRows, i % kStreamTileRows, row);
        }
    }
}

template <WeightFormat kType, int kGroups>
void launch(const DecodeContext& context, const float* output_norm, const DeviceMatrix& lm_head,
            float* logits, std::int64_t logits_stride, cudaStream_t stream) {
    const int tiles = lm_head.rows / kStreamTileRows;
    int blocks = std::min(context.sm_count, tiles);
    blocks = std::max(blocks, (tiles + kMostTiles - 1) / kMostTiles);
    const Layout layout = layout_of<kType, kGroups>(context.rows, context.hidden, tiles, blocks);
    launch_pdl(lm_head_kernel<kType, kGroups>, dim3(static_cast<unsigned>(blocks)), kStreamThreads,
               layout.bytes, stream, context, output_norm, lm_head, logits, logits_stride, layout);
}

}  // namespace

void launch_lm_head(const DecodeContext& context, const float* output_norm, const DeviceMatrix& lm_head,
                    float* logits, std::int64_t logits_stride, cudaStream_t stream) {
    with_weight_format(lm_head.type, [&](auto type) {
        constexpr WeightFormat kType = decltype(type)::value;
        if (context.token_columns == 4)
            launch<kType, 1>(context, output_norm, lm_head, logits, logits_stride, stream);
        else
            launch<kType, 2>(context, output_norm, lm_head, logits, logits_stride, stream);
    });
}

void prepare_lm_head() {
    for_each_weight_format([](auto type) {
        allow_shared_memory(lm_head_kernel<decltype(type)::value, 1>);
        allow_shared_memory(lm_head_kernel<decltype(type)::value, 2>);
    });
}

}  // namespace gptoss::backend::cuda

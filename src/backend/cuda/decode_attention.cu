// Stage 2: attention of the step's rows (paged_decode_attention.cuh).
#include "backend/cuda/activations.cuh"
#include "backend/cuda/decode_stages.h"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/paged_decode_attention.cuh"

namespace gptoss::backend::cuda {
namespace {

struct StepRows {
    static constexpr float kShrink = kAttentionShrink;
    int query_heads, kv_heads, window, table_stride, layer_of_pool;
    KvPool pool;
    const std::int32_t* table;
    const float* sinks;
    const RowInput* inputs;
    DecodeBuffers buffers;
    WeightFormat type;  // of the output matrix, which wants its activations in an order of its own

    __device__ RowInput input(int row) const { return inputs[row]; }
    __device__ float4 query(int row, int element) const {
        return __ldcg(reinterpret_cast<const float4*>(buffers.query +
                                                      std::int64_t{row} * query_heads * kHeadSize + element));
    }
    __device__ void store(int row, int element, float low, float high) const {
        std::uint16_t* out = buffers.attention + std::int64_t{row} * query_heads * kHeadSize;
        out[swizzled_element(element, type)] = to_activation(low, type);
        out[swizzled_element(element + 1, type)] = to_activation(high, type);
    }
    __device__ float* partials(int row, int kv_head) const {
        return buffers.attention_partials +
               (std::int64_t{row} * kv_heads + kv_head) * kMaxKvSplits * kMaxGroupHeads * kPartialFloats;
    }
    __device__ std::int32_t* semaphore(int row, int kv_head) const {
        return buffers.attention_semaphores + row * kv_heads + kv_head;
    }
};

template <model::KvType kKv, bool kCluster>
__global__ void __launch_bounds__(kRowThreads, 2)
    attention_kernel(const DecodeContext context, const LayerStage stage) {
    paged_decode_attention<kKv, kCluster>(
        StepRows{context.query_heads, context.kv_heads, stage.slides ? context.sliding_window : 0,
                 context.tables.table_stride, stage.pool_layer, stage.pool,
                 stage.slides ? context.tables.sliding : context.tables.full, stage.weights.sinks,
                 context.inputs, context.buffers, stage.weights.output.type});
}

template <model::KvType kKv>
void launch(const DecodeContext& context, const LayerStage& stage, dim3 grid, cudaStream_t stream) {
    const auto parts = static_cast<std::int32_t>(grid.x);
    if (context.kv_clusters && is_kv_cluster(parts))
        launch_pdl_cluster(attention_kernel<kKv, true>, grid, kRowThreads, 0, parts, stream, context, stage);
    else
        launch_pdl(attention_kernel<kKv, false>, grid, kRowThreads, 0, stream, context, stage);
}

}  // namespace

void prepare_attention() {
    for_each_kv_type([](auto type) {
        prefer_shared_memory(attention_kernel<decltype(type)::value, false>);
        prefer_shared_memory(attention_kernel<decltype(type)::value, true>);
    });
}

void launch_attention(const DecodeContext& context, const LayerStage& stage, std::int32_t kv_splits,
                      cudaStream_t stream) {
    const dim3 grid(static_cast<unsigned>(kv_splits), static_cast<unsigned>(context.kv_heads),
                    static_cast<unsigned>(context.rows));
    with_kv_type(stage.pool.type,
                 [&](auto type) { launch<decltype(type)::value>(context, stage, grid, stream); });
}

}  // namespace gptoss::backend::cuda

// Stage 2: attention of the step's rows (paged_decode_attention.cuh).
#include "backend/cuda/activations.cuh"
#include "backend/cuda/attention_streamed_row.cuh"
#include "backend/cuda/decode_stages.h"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/paged_decode_attention.cuh"
#include "backend/cuda/sm_occupancy.h"

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

    __device__ StepRows(const DecodeContext& context, const LayerStage& stage)
        : query_heads(context.query_heads),
          kv_heads(context.kv_heads),
          window(stage.slides ? context.sliding_window : 0),
          table_stride(context.tables.table_stride),
          layer_of_pool(stage.pool_layer),
          pool(stage.pool),
          table(stage.slides ? context.tables.sliding : context.tables.full),
          sinks(stage.weights.sinks),
          inputs(context.inputs),
          buffers(context.buffers),
          type(stage.weights.output.type) {}

    __device__ RowInput input(int row) const { return inputs[row]; }
    __device__ float4 query(int row, int element) const {
        return __ldcg(reinterpret_cast<const float4*>(buffers.query +
                                                      std::int64_t{row} * query_heads * kHeadSize + element));
    }
    __device__ float2 query_pair(int row, int element) const {
        return __ldcg(reinterpret_cast<const float2*>(buffers.query +
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
    paged_decode_attention<kKv, kCluster>(StepRows(context, stage));
}
template <model::KvType kKv, bool kCluster>
__global__ void __launch_bounds__(kRowThreads, 2)
    streamed_attention_kernel(const DecodeContext context, const LayerStage stage) {
    using Ring = KeyRing<kKv>;
    streamed_row_attention<typename Ring::Group, Ring::kSlots, kCluster>(StepRows(context, stage));
}

template <model::KvType kKv>
void launch(const DecodeContext& context, const LayerStage& stage, dim3 grid, cudaStream_t stream) {
    const auto parts = static_cast<std::int32_t>(grid.x);
    const bool clusters = context.kv_clusters && is_kv_cluster(parts);
    auto* kernel =
        context.kv_streamed
            ? (clusters ? streamed_attention_kernel<kKv, true> : streamed_attention_kernel<kKv, false>)
            : (clusters ? attention_kernel<kKv, true> : attention_kernel<kKv, false>);
    // One block an SM: beside the stages before and after it, it would be slower.
    const std::int64_t shared_bytes =
        context.kv_streamed ? one_block_per_sm(kRowStreamBytes, context.shared_bytes_per_block) : 0;
    launch_pdl_cluster(kernel, grid, kRowThreads, shared_bytes, clusters ? parts : 1, stream, context, stage);
}

}  // namespace

void prepare_attention() {
    for_each_kv_type([](auto type) {
        prefer_shared_memory(attention_kernel<decltype(type)::value, false>);
        prefer_shared_memory(attention_kernel<decltype(type)::value, true>);
        allow_shared_memory(streamed_attention_kernel<decltype(type)::value, false>);
        allow_shared_memory(streamed_attention_kernel<decltype(type)::value, true>);
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

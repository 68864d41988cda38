// Attention of rows that are alone in their segments, between the prompt path's products: what decode's
// second stage does, for any number of rows (attention_row.cuh).
#include <algorithm>

#include "backend/cuda/attention_prefill.h"
#include "backend/cuda/attention_prefill_tile.cuh"
#include "backend/cuda/attention_row.cuh"
#include "backend/cuda/launch.cuh"
#include "base/check.h"

namespace gptoss::backend::cuda {
namespace {

template <model::KvType kKv>
struct PromptRows {
    static constexpr float kShrink = 1.0F;
    int query_heads, kv_heads, window, table_stride, layer_of_pool;
    KvPool pool;
    const std::int32_t* table;
    const float* sinks;
    SingleRows single;
    const std::uint16_t* queries;
    __half* output;
    ActivationOrder order;

    __device__ RowInput input(int place) const { return single.inputs[single.rows[place]]; }
    __device__ std::int64_t first_element(int place) const {
        return std::int64_t{single.rows[place]} * query_heads * kHeadSize;
    }
    __device__ float4 query(int place, int element) const {
        using Numbers = typename Cached<kKv>::Numbers;
        const uint2 words = *reinterpret_cast<const uint2*>(queries + first_element(place) + element);
        const float2 low = Numbers::unpack(words.x), high = Numbers::unpack(words.y);
        return {low.x, low.y, high.x, high.y};
    }
    __device__ void store(int place, int element, float low, float high) const {
        store_attention_pair(output + first_element(place), order, element, low, high);
    }
    __device__ float* partials(int place, int kv_head) const {
        return single.partials +
               (std::int64_t{place} * kv_heads + kv_head) * gridDim.x * kMaxGroupHeads * kPartialFloats;
    }
    __device__ std::int32_t* ticket(int place, int kv_head) const {
        return single.tickets + place * kv_heads + kv_head;
    }
};

template <model::KvType kKv>
__global__ void __launch_bounds__(kRowThreads, 2)
    single_row_attention_kernel(const __grid_constant__ PrefillAttention a,
                                const __grid_constant__ SingleRows single) {
    attend_row<kKv>(PromptRows<kKv>{a.query_heads, a.pool.kv_heads, a.window, a.table_stride, a.pool_layer,
                                    a.pool, a.tables, a.sinks, single, a.queries, a.output, a.order});
}

}  // namespace

void launch_single_row_attention(const PrefillAttention& attention, const SingleRows& single,
                                 std::int32_t kv_splits, cudaStream_t stream) {
    const std::int32_t kv_heads = attention.pool.kv_heads;
    check(attention.pool.head_size == kHeadSize, "head size 64");
    check(attention.query_heads % kv_heads == 0 && attention.query_heads / kv_heads <= kMaxGroupHeads,
          "at most eight heads in a group");
    if (single.count == 0) return;
    check(
        kv_splits == 1 || (kv_splits <= kMaxSplits && single.count * kv_heads * kv_splits <= kSingleRowParts),
        "room for what the splits leave");
    const dim3 grid(static_cast<unsigned>(kv_splits), static_cast<unsigned>(kv_heads),
                    static_cast<unsigned>(single.count));
    switch (attention.pool.type) {
        case model::KvType::bf16:
            launch_dependent(single_row_attention_kernel<model::KvType::bf16>, grid, kRowThreads, 0, stream,
                             attention, single);
            break;
        case model::KvType::f16:
            launch_dependent(single_row_attention_kernel<model::KvType::f16>, grid, kRowThreads, 0, stream,
                             attention, single);
            break;
        case model::KvType::f8:
            launch_dependent(single_row_attention_kernel<model::KvType::f8>, grid, kRowThreads, 0, stream,
                             attention, single);
            break;
    }
}

void prepare_single_row_attention() {
    prefer_shared_memory(single_row_attention_kernel<model::KvType::bf16>);
    prefer_shared_memory(single_row_attention_kernel<model::KvType::f16>);
    prefer_shared_memory(single_row_attention_kernel<model::KvType::f8>);
}

}  // namespace gptoss::backend::cuda

// Attention of a few rows that are alone in their segments, between the prompt path's products: what decode's
// second stage does, for any number of rows (paged_decode_attention.cuh).
#include <algorithm>

#include "backend/cuda/attention_prefill.h"
#include "backend/cuda/attention_prefill_tile.cuh"
#include "backend/cuda/attention_streamed_row.cuh"
#include "backend/cuda/launch.cuh"
#include "backend/cuda/paged_decode_attention.cuh"
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
    LoneRows lone;
    const std::uint16_t* queries;
    __half* output;
    ActivationOrder order;

    __device__ RowInput input(int place) const { return lone.inputs[lone.rows[place]]; }
    __device__ std::int64_t first_element(int place) const {
        return std::int64_t{lone.rows[place]} * query_heads * kHeadSize;
    }
    __device__ float4 query(int place, int element) const {
        using Mma = typename Cached<kKv>::Mma;
        const uint2 words = *reinterpret_cast<const uint2*>(queries + first_element(place) + element);
        const float2 low = Mma::unpack(words.x), high = Mma::unpack(words.y);
        return {low.x, low.y, high.x, high.y};
    }
    __device__ float2 query_pair(int place, int element) const {
        return Cached<kKv>::Mma::unpack(
            *reinterpret_cast<const std::uint32_t*>(queries + first_element(place) + element));
    }
    __device__ void store(int place, int element, float low, float high) const {
        store_attention_pair(output + first_element(place), order, element, low, high);
    }
    __device__ float* partials(int place, int kv_head) const {
        return lone.partials +
               (std::int64_t{place} * kv_heads + kv_head) * gridDim.x * kMaxGroupHeads * kPartialFloats;
    }
    __device__ std::int32_t* semaphore(int place, int kv_head) const {
        return lone.semaphores + place * kv_heads + kv_head;
    }
};

template <model::KvType kKv, bool kStreamed>
__global__ void __launch_bounds__(kRowThreads, 2)
    lone_row_attention_kernel(const __grid_constant__ PrefillAttention a,
                              const __grid_constant__ LoneRows lone) {
    const PromptRows<kKv> rows{a.query_heads, a.pool.kv_heads, a.window, a.table_stride,
                               a.pool_layer,  a.pool,          a.tables, a.sinks,
                               lone,          a.queries,       a.output, a.order};
    if constexpr (kStreamed)
        streamed_row_attention<typename KeyRing<kKv>::Group, KeyRing<kKv>::kSlots, false>(rows);
    else
        paged_decode_attention<kKv, false>(rows);
}

}  // namespace

void launch_lone_row_attention(const PrefillAttention& attention, const LoneRows& lone, const KvPlan& kv,
                               cudaStream_t stream) {
    const std::int32_t kv_heads = attention.pool.kv_heads;
    check(attention.pool.head_size == kHeadSize, "head size 64");
    check(attention.query_heads % kv_heads == 0 && attention.query_heads / kv_heads <= kMaxGroupHeads,
          "at most eight heads in a group");
    if (lone.count == 0) return;
    check(kv.splits == 1 || (kv.splits <= kMaxKvSplits && lone.count * kv_heads * kv.splits <= kLoneRowParts),
          "room for what the splits leave");
    const dim3 grid(static_cast<unsigned>(kv.splits), static_cast<unsigned>(kv_heads),
                    static_cast<unsigned>(lone.count));
    with_kv_type(attention.pool.type, [&](auto type) {
        constexpr model::KvType kKv = decltype(type)::value;
        if (kv.streamed)
            launch_pdl(lone_row_attention_kernel<kKv, true>, grid, kRowThreads, kRowStreamBytes, stream,
                       attention, lone);
        else
            launch_pdl(lone_row_attention_kernel<kKv, false>, grid, kRowThreads, 0, stream, attention, lone);
    });
}

void prepare_lone_row_attention() {
    for_each_kv_type([](auto type) {
        prefer_shared_memory(lone_row_attention_kernel<decltype(type)::value, false>);
        allow_shared_memory(lone_row_attention_kernel<decltype(type)::value, true>);
    });
}

}  // namespace gptoss::backend::cuda

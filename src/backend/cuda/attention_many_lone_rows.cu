// Attention of many rows that are alone in their segments, between the prompt path's products.
#include <algorithm>

#include "backend/cuda/attention_many_lone_rows.cuh"
#include "backend/cuda/cuda_device.h"
#include "backend/cuda/launch.cuh"
#include "base/check.h"

namespace gptoss::backend::cuda {
namespace {

using model::KvType;

template <KvType kKv>
constexpr auto kKernel = many_lone_rows_kernel<kKv, kLoneRingBytes / LoneGroup<kKv>::kBytes>;

template <KvType kKv>
void launch(const PrefillAttention& attention, const ManyLoneRows& lone, const DeviceTraits& device,
            cudaStream_t stream) {
    const auto blocks = static_cast<unsigned>(std::min(device.sm_count, lone.shares.workers));
    const std::int32_t warps = count_lone_workers_an_sm(device);
    launch_pdl(kKernel<kKv>, dim3(blocks), warps * 32, warps * kLoneRingBytes, stream, attention, lone);
}

}  // namespace

void launch_many_lone_rows_attention(const PrefillAttention& attention, const ManyLoneRows& lone,
                                     const DeviceTraits& device, cudaStream_t stream) {
    const std::int32_t kv_heads = attention.pool.kv_heads;
    check(attention.pool.head_size == kHeadSize, "head size 64");
    check(attention.query_heads % kv_heads == 0 && attention.query_heads / kv_heads <= kMaxGroupHeads,
          "at most eight heads in a group");
    check(lone.shares.workers <= count_lone_workers(device), "a warp for every worker");
    if (lone.count == 0) return;
    with_kv_type(attention.pool.type,
                 [&](auto type) { launch<decltype(type)::value>(attention, lone, device, stream); });
}

void prepare_many_lone_rows_attention() {
    for_each_kv_type([](auto type) { allow_shared_memory(kKernel<decltype(type)::value>); });
}

}  // namespace gptoss::backend::cuda

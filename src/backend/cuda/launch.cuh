// Programmatic dependent launch (PDL): the kernel may start before the one before it in the stream has finished, and
// waits for it in griddep_wait(). Under stream capture the dependency becomes an edge of the graph.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "backend/cuda/memory.h"
#include "backend/cuda/weights.h"
#include "model/plan.h"

namespace gptoss::backend::cuda {

// `cluster`: blocks of a cluster; divides the grid's.
template <typename... Parameters, typename... Arguments>
void launch_pdl_cluster(void (*kernel)(Parameters...), dim3 grid, int threads, std::int64_t shared_bytes,
                        int cluster, cudaStream_t stream, Arguments&&... arguments) {
    std::array<cudaLaunchAttribute, 2> attributes{};
    attributes[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[0].val.programmaticStreamSerializationAllowed = 1;
    attributes[1].id = cudaLaunchAttributeClusterDimension;
    attributes[1].val.clusterDim.x = static_cast<unsigned>(cluster);
    attributes[1].val.clusterDim.y = attributes[1].val.clusterDim.z = 1;
    cudaLaunchConfig_t configuration{};
    configuration.gridDim = grid;
    configuration.blockDim = dim3(static_cast<unsigned>(threads));
    configuration.dynamicSmemBytes = static_cast<std::size_t>(shared_bytes);
    configuration.stream = stream;
    configuration.attrs = attributes.data();
    configuration.numAttrs = cluster > 1 ? 2 : 1;
    cuda_check(cudaLaunchKernelEx(&configuration, kernel, std::forward<Arguments>(arguments)...));
}

template <typename... Parameters, typename... Arguments>
void launch_pdl(void (*kernel)(Parameters...), dim3 grid, int threads, std::int64_t shared_bytes,
                cudaStream_t stream, Arguments&&... arguments) {
    launch_pdl_cluster(kernel, grid, threads, shared_bytes, 1, stream, std::forward<Arguments>(arguments)...);
}

// Percent of an SM's memory that kernels prepared from now on want as shared memory: the most, but where a benchmark
// shows what a smaller card does.
inline int shared_memory_carveout = cudaSharedmemCarveoutMaxShared;

// Kernels with different carveouts cannot share an SM, and a dependent launch would not overlap.
template <typename... Parameters>
void prefer_shared_memory(void (*kernel)(Parameters...)) {
    cuda_check(
        cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout, shared_memory_carveout));
}

// Lets a kernel use all the shared memory a block may have.
template <typename... Parameters>
void allow_shared_memory(void (*kernel)(Parameters...)) {
    int device = 0, limit = 0;
    cuda_check(cudaGetDevice(&device));
    cuda_check(cudaDeviceGetAttribute(&limit, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
    cudaFuncAttributes attributes{};
    cuda_check(cudaFuncGetAttributes(&attributes, kernel));
    cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    limit - static_cast<int>(attributes.sharedSizeBytes)));
    prefer_shared_memory(kernel);
}

// Calls action(tag) with the weight format as the tag's `value`.
template <typename Action>
void with_weight_format(WeightFormat type, Action&& action) {
    switch (type) {
        case WeightFormat::mxfp4:
            return action(std::integral_constant<WeightFormat, WeightFormat::mxfp4>());
        case WeightFormat::q8_0:
            return action(std::integral_constant<WeightFormat, WeightFormat::q8_0>());
        case WeightFormat::f16:
            return action(std::integral_constant<WeightFormat, WeightFormat::f16>());
        case WeightFormat::bf16:
            return action(std::integral_constant<WeightFormat, WeightFormat::bf16>());
    }
}

template <typename Action>
void for_each_weight_format(Action&& action) {
    for (const WeightFormat type :
         {WeightFormat::mxfp4, WeightFormat::q8_0, WeightFormat::f16, WeightFormat::bf16})
        with_weight_format(type, action);
}

// Calls action(tag) with the cache's type as the tag's `value`.
template <typename Action>
void with_kv_type(model::KvType type, Action&& action) {
    using model::KvType;
    switch (type) {
        case KvType::bf16:
            return action(std::integral_constant<KvType, KvType::bf16>());
        case KvType::f16:
            return action(std::integral_constant<KvType, KvType::f16>());
        case KvType::f8:
            return action(std::integral_constant<KvType, KvType::f8>());
    }
}

template <typename Action>
void for_each_kv_type(Action&& action) {
    for (const model::KvType type : {model::KvType::bf16, model::KvType::f16, model::KvType::f8})
        with_kv_type(type, action);
}

}  // namespace gptoss::backend::cuda

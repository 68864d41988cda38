#include "backend/cuda/device_traits.h"

#include <cuda_runtime_api.h>

#include <algorithm>

#include "backend/cuda/memory.h"

namespace gptoss::backend::cuda {

DeviceTraits current_device_traits() {
    int device = 0;
    cuda_check(cudaGetDevice(&device));
    DeviceTraits traits;
    const auto read = [&](std::int32_t& to, cudaDeviceAttr attribute) {
        int value = 0;
        cuda_check(cudaDeviceGetAttribute(&value, attribute, device));
        to = value;
    };
    read(traits.compute_major, cudaDevAttrComputeCapabilityMajor);
    read(traits.compute_minor, cudaDevAttrComputeCapabilityMinor);
    read(traits.sm_count, cudaDevAttrMultiProcessorCount);
    read(traits.shared_bytes_per_block, cudaDevAttrMaxSharedMemoryPerBlockOptin);
    return traits;
}

PlanOptions plan_options_of(const DeviceWeights& weights) {
    PlanOptions options;
    options.shape = weights.shape;
    options.kernels = weights.kernels;
    options.experts_are_mxfp4 = std::ranges::all_of(weights.layers, [](const DeviceLayer& layer) {
        const auto is_mxfp4 = [](const DeviceMatrix& matrix) {
            return matrix.rows == 0 ||
                   matrix.type == WeightFormat::mxfp4;  // layers of another device are empty
        };
        return is_mxfp4(layer.gate_up) && is_mxfp4(layer.down);
    });
    return options;
}

}  // namespace gptoss::backend::cuda

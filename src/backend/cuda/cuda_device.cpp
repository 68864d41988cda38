#include "backend/cuda/cuda_device.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <string>

#include "backend/cuda/cuda_backend.h"
#include "backend/cuda/memory.h"
#include "base/error.h"

namespace gptoss::backend::cuda {
namespace {

DeviceTraits traits_of(int device) {
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

}  // namespace

Device::Device(std::int32_t ordinal) : ordinal_(ordinal) {
    std::string reason;
    if (!cuda_available(&reason, ordinal))
        throw Error(
            ErrorCode::device_failed,
            (ordinal == 0 ? "no usable GPU: " : "no usable GPU " + std::to_string(ordinal) + ": ") + reason,
            "Check `nvidia-smi`; GPU_LAYERS=0 computes on the CPU.");
    traits_ = traits_of(ordinal);
    cudaDeviceProp properties{};
    cuda_check(cudaGetDeviceProperties(&properties, ordinal));
    name_ = properties.name;
    std::array<char, 32> bus_id{};
    cuda_check(cudaDeviceGetPCIBusId(bus_id.data(), static_cast<int>(bus_id.size()), ordinal));
    bus_id_ = bus_id.data();
}

CurrentDevice::CurrentDevice(std::int32_t ordinal) : ordinal_(ordinal) {
    cuda_check(cudaGetDevice(&before_));
    if (before_ != ordinal_) cuda_check(cudaSetDevice(ordinal_));
}

CurrentDevice::~CurrentDevice() {
    if (before_ != ordinal_) cudaSetDevice(before_);
}

DeviceTraits current_device_traits() {
    int device = 0;
    cuda_check(cudaGetDevice(&device));
    return traits_of(device);
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
    options.head_is_q8_0 = weights.lm_head.type == WeightFormat::q8_0;
    options.dense_is_q8_0 = std::ranges::all_of(weights.layers, [](const DeviceLayer& layer) {
        const auto is_q8_0 = [](const DeviceMatrix& matrix) {
            return matrix.rows == 0 || matrix.type == WeightFormat::q8_0;
        };
        return is_q8_0(layer.qkv) && is_q8_0(layer.output);
    });
    options.router_is_bf16 = std::ranges::all_of(
        weights.layers, [](const DeviceLayer& layer) { return layer.router_columns_f32 == nullptr; });
    return options;
}

}  // namespace gptoss::backend::cuda

#include "backend/devices/devices.h"

#include <utility>

#include "backend/cpu/bandwidth.h"
#include "base/error.h"
#if defined(GPTOSS_HAS_CUDA)
#include "backend/cuda/cuda_backend.h"
#include "backend/split_backend.h"
#endif

namespace gptoss::backend {

namespace {

[[noreturn]] void refuse(const std::string& device) {
    throw Error(ErrorCode::setting_invalid, "there is no device \"" + device + "\" in this build",
                "A build without CUDA has cpu alone; build with the CMake preset cuda for cuda.",
                {{"device", device}});
}

#if defined(GPTOSS_HAS_CUDA)
// The GPU first: its memory is the scarcer one, and the CPU's part takes longer to make.
std::unique_ptr<Backend> make_cuda(const model::Weights& weights, const BackendOptions& options,
                                   const LoadProgress& progress) {
    const model::LayerRange on_gpu = model::device_layers(weights.hyperparameters, options.plan.request);
    if (on_gpu.first == 0) return make_cuda_backend(weights, options, progress);
    BackendOptions upper = options, lower = options;
    upper.layers = on_gpu;
    lower.layers = {0, on_gpu.first};
    auto gpu = make_cuda_backend(weights, upper, progress);
    return make_split_backend(make_cpu_lower_layers(weights, lower), std::move(gpu), options);
}
#endif

}  // namespace

std::vector<std::string> device_names() {
#if defined(GPTOSS_HAS_CUDA)
    return {"cuda", "cpu"};
#else
    return {"cpu"};
#endif
}

std::unique_ptr<Backend> make_backend(const std::string& device, const model::Weights& weights,
                                      const BackendOptions& options,
                                      [[maybe_unused]] const LoadProgress& progress) {
    if (device == "cpu") return make_cpu_backend(weights, options);
#if defined(GPTOSS_HAS_CUDA)
    if (device == "cuda") return make_cuda(weights, options, progress);
#endif
    refuse(device);
}

std::unique_ptr<Backend> make_synthetic_backend(const std::string& device,
                                                [[maybe_unused]] const model::Hyperparameters& shape,
                                                [[maybe_unused]] const BackendOptions& options) {
    if (device == "cpu") return nullptr;
#if defined(GPTOSS_HAS_CUDA)
    constexpr std::uint64_t kSeed = 1;
    if (device == "cuda") {
        if (model::device_layers(shape, options.plan.request).first > 0)
            throw Error(ErrorCode::setting_invalid, "random weights are made on the GPU, none on the CPU",
                        "Write them to a file (--write FILE) and give it as --model.");
        return make_synthetic_cuda_backend(shape, options, kSeed);
    }
#endif
    refuse(device);
}

DeviceNeeds device_needs(const std::string& device, const model::Hyperparameters& shape,
                         const model::PlanRequest& request) {
    if (device == "cpu") return cpu_needs(shape, request);
#if defined(GPTOSS_HAS_CUDA)
    if (device == "cuda") {
        DeviceNeeds needs = cuda_needs(shape, request);
        needs.host = cpu_share(shape, request);
        return needs;
    }
#endif
    refuse(device);
}

DeviceNeeds device_needs(const std::string& device, const model::Weights& weights,
                         const model::PlanRequest& request) {
#if defined(GPTOSS_HAS_CUDA)
    if (device == "cuda") {
        DeviceNeeds needs = cuda_needs(weights, request);
        needs.host = cpu_share(weights, request);
        return needs;
    }
#endif
    return device_needs(device, weights.hyperparameters, request);
}

std::vector<std::string> kernel_names(const std::string& device,
                                      [[maybe_unused]] const model::Weights& weights,
                                      [[maybe_unused]] std::int32_t gpu_ordinal) {
    if (device == "cpu") return cpu_kernel_names();
#if defined(GPTOSS_HAS_CUDA)
    if (device == "cuda") return cuda_kernel_names(weights, gpu_ordinal);
#endif
    refuse(device);
}

StepText step_text(const std::string& device, [[maybe_unused]] const model::Weights& weights,
                   [[maybe_unused]] std::int32_t gpu_ordinal) {
#if defined(GPTOSS_HAS_CUDA)
    if (device == "cuda") return cuda_step_text(weights, gpu_ordinal);
#endif
    if (device == "cpu") return {};
    refuse(device);
}

double read_bandwidth(const std::string& device, std::int32_t threads,
                      [[maybe_unused]] std::int32_t gpu_ordinal) {
    if (device == "cpu") {
        ThreadPool pool(threads);
        return cpu::measure_read_bandwidth(pool);
    }
#if defined(GPTOSS_HAS_CUDA)
    if (device == "cuda") return measure_read_bandwidth(gpu_ordinal) / 1e9;
#endif
    refuse(device);
}

}  // namespace gptoss::backend

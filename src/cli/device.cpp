#include "cli/device.h"

#include <utility>

#include "backend/cpu/bandwidth.h"
#include "base/error.h"
#if defined(GPTOSS_HAS_CUDA)
#include "backend/cuda/cuda_backend.h"
#include "backend/split_backend.h"
#endif

namespace gptoss::cli {

namespace {

[[noreturn]] void refuse(const std::string& device) {
    throw Error(ErrorCode::setting_invalid, "there is no device \"" + device + "\" in this build",
                "A build without CUDA has cpu alone; build with the CMake preset cuda for cuda.",
                {{"device", device}});
}

#if defined(GPTOSS_HAS_CUDA)
// The GPU first: its memory is the scarcer one, and the CPU's part takes longer to make.
std::unique_ptr<backend::Backend> make_cuda(const model::Weights& weights,
                                            const backend::BackendOptions& options,
                                            const backend::LoadProgress& progress) {
    const model::LayerRange on_gpu = model::device_layers(weights.hyperparameters, options.plan.request);
    if (on_gpu.first == 0) return backend::make_cuda_backend(weights, options, progress);
    backend::BackendOptions upper = options, lower = options;
    upper.layers = on_gpu;
    lower.layers = {0, on_gpu.first};
    auto gpu = backend::make_cuda_backend(weights, upper, progress);
    return backend::make_split_backend(backend::make_cpu_lower_layers(weights, lower), std::move(gpu),
                                       options);
}
#endif

}  // namespace

std::unique_ptr<backend::Backend> make_backend(const std::string& device, const model::Weights& weights,
                                               const backend::BackendOptions& options,
                                               [[maybe_unused]] const backend::LoadProgress& progress) {
    if (device == "cpu") return backend::make_cpu_backend(weights, options);
#if defined(GPTOSS_HAS_CUDA)
    if (device == "cuda") return make_cuda(weights, options, progress);
#endif
    refuse(device);
}

std::unique_ptr<backend::Backend> make_synthetic_backend(
    const std::string& device, [[maybe_unused]] const model::Hyperparameters& shape,
    [[maybe_unused]] const backend::BackendOptions& options) {
    if (device == "cpu") return nullptr;
#if defined(GPTOSS_HAS_CUDA)
    constexpr std::uint64_t kSeed = 1;
    if (device == "cuda") {
        if (model::device_layers(shape, options.plan.request).first > 0)
            throw Error(ErrorCode::setting_invalid, "random weights are made on the GPU, none on the CPU",
                        "Write them to a file (--write FILE) and give it as --model.");
        return backend::make_synthetic_cuda_backend(shape, options, kSeed);
    }
#endif
    refuse(device);
}

backend::DeviceNeeds device_needs(const std::string& device, const model::Hyperparameters& shape,
                                  const model::PlanRequest& request) {
    if (device == "cpu") return backend::cpu_needs(shape, request);
#if defined(GPTOSS_HAS_CUDA)
    if (device == "cuda") {
        backend::DeviceNeeds needs = backend::cuda_needs(shape, request);
        needs.host = backend::cpu_share(shape, request);
        return needs;
    }
#endif
    refuse(device);
}

backend::DeviceNeeds device_needs(const std::string& device, const model::Weights& weights,
                                  const model::PlanRequest& request) {
#if defined(GPTOSS_HAS_CUDA)
    if (device == "cuda") {
        backend::DeviceNeeds needs = backend::cuda_needs(weights, request);
        needs.host = backend::cpu_share(weights, request);
        return needs;
    }
#endif
    return device_needs(device, weights.hyperparameters, request);
}

double read_bandwidth(const std::string& device, std::int32_t threads) {
    if (device == "cpu") {
        ThreadPool pool(threads);
        return backend::cpu::measure_read_bandwidth(pool);
    }
#if defined(GPTOSS_HAS_CUDA)
    if (device == "cuda") return backend::measure_read_bandwidth() / 1e9;
#endif
    refuse(device);
}

}  // namespace gptoss::cli

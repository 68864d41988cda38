#include "cli/device.h"

#include "backend/cpu/bandwidth.h"
#include "base/error.h"
#if defined(GPTOSS_HAS_CUDA)
#include "backend/cuda/cuda_backend.h"
#endif

namespace gptoss::cli {

namespace {

[[noreturn]] void refuse(const std::string& device) {
    throw Error(ErrorCode::setting_invalid, "there is no device \"" + device + "\" in this build",
                "A build without CUDA has cpu alone; build with the CMake preset cuda for cuda.",
                {{"device", device}});
}

}  // namespace

std::unique_ptr<backend::Backend> make_backend(const std::string& device, const model::Weights& weights,
                                               const backend::BackendOptions& options) {
    if (device == "cpu") return backend::make_cpu_backend(weights, options);
#if defined(GPTOSS_HAS_CUDA)
    if (device == "cuda") return backend::make_cuda_backend(weights, options);
#endif
    refuse(device);
}

backend::DeviceNeeds device_needs(const std::string& device, const model::Hyperparameters& shape,
                                  const model::PlanRequest& request) {
    if (device == "cpu") return backend::cpu_needs(shape, request);
#if defined(GPTOSS_HAS_CUDA)
    if (device == "cuda") return backend::cuda_needs(shape, request);
#endif
    refuse(device);
}

double read_bandwidth(const std::string& device, std::int32_t threads) {
    if (device == "cpu") {
        ThreadPool pool(threads);
        return backend::cpu::measure_read_bandwidth(pool);
    }
#if defined(GPTOSS_HAS_CUDA)
    if (device == "cuda") return backend::measure_read_bandwidth();
#endif
    refuse(device);
}

}  // namespace gptoss::cli

#include "cli/device.h"

#include "backend/cpu/bandwidth.h"
#include "base/error.h"

namespace gptoss::cli {

namespace {

[[noreturn]] void refuse(const std::string& device) {
    throw Error(ErrorCode::setting_invalid, "there is no device \"" + device + "\" in this build",
                "Use --device cpu.", {{"device", device}});
}

}  // namespace

std::unique_ptr<backend::Backend> make_backend(const std::string& device, const model::Weights& weights,
                                               const backend::BackendOptions& options) {
    if (device == "cpu") return backend::make_cpu_backend(weights, options);
    refuse(device);
}

backend::DeviceNeeds device_needs(const std::string& device, const model::Hyperparameters& shape,
                                  const model::PlanRequest& request) {
    if (device == "cpu") return backend::cpu_needs(shape, request);
    refuse(device);
}

double read_bandwidth(const std::string& device, std::int32_t threads) {
    if (device == "cpu") {
        ThreadPool pool(threads);
        return backend::cpu::measure_read_bandwidth(pool);
    }
    refuse(device);
}

}  // namespace gptoss::cli

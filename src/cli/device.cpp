#include "cli/device.h"

#include "base/error.h"

namespace gptoss::cli {

std::unique_ptr<backend::Backend> make_backend(const std::string& device, const model::Weights& weights,
                                               const backend::BackendOptions& options) {
    if (device == "cpu") return backend::make_cpu_backend(weights, options);
    throw Error(ErrorCode::setting_invalid, "there is no device \"" + device + "\" in this build",
                "Use --device cpu.", {{"device", device}});
}

}  // namespace gptoss::cli

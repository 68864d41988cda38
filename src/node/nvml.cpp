#include "node/nvml.h"

#include <dlfcn.h>

#include "base/error.h"

namespace gptoss::node::nvml {
namespace {

template <typename Function>
void find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
}

Functions find_all(void* library) {
    Functions found;
    find(library, "nvmlInit_v2", found.init);
    find(library, "nvmlShutdown", found.shutdown);
    find(library, "nvmlErrorString", found.error_string);
    find(library, "nvmlSystemGetDriverVersion", found.driver_version);
    find(library, "nvmlDeviceGetHandleByPciBusId_v2", found.device_by_bus_id);
    find(library, "nvmlDeviceGetHandleByIndex_v2", found.device_by_index);
    find(library, "nvmlDeviceGetName", found.name);
    find(library, "nvmlDeviceGetMemoryInfo_v2", found.memory);
    find(library, "nvmlDeviceGetUtilizationRates", found.utilization);
    find(library, "nvmlDeviceGetTemperature", found.temperature);
    find(library, "nvmlDeviceGetPowerUsage", found.power_milliwatts);
    find(library, "nvmlDeviceGetEnforcedPowerLimit", found.power_limit_milliwatts);
    find(library, "nvmlDeviceGetTotalEnergyConsumption", found.energy_millijoules);
    find(library, "nvmlDeviceGetClockInfo", found.clock_mhz);
    find(library, "nvmlDeviceGetTotalEccErrors", found.ecc_errors);
    find(library, "nvmlDeviceGetRemappedRows", found.remapped_rows);
    find(library, "nvmlDeviceGetCurrentClocksThrottleReasons", found.throttle_reasons);
    find(library, "nvmlEventSetCreate", found.event_set_create);
    find(library, "nvmlDeviceRegisterEvents", found.register_events);
    find(library, "nvmlEventSetWait_v2", found.event_set_wait);
    find(library, "nvmlEventSetFree", found.event_set_free);
    return found;
}

[[noreturn]] void refuse(const std::string& why) {
    throw Error(
        ErrorCode::device_failed, "NVML cannot be used: " + why,
        "It comes with the NVIDIA driver (in containers, with its `utility` capability); GPTOSS_NVML_LIBRARY "
        "names another place.");
}

}  // namespace

void Library::Close::operator()(void* handle) const noexcept {
    dlclose(handle);
}

Library::Library(const std::string& path) : handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) refuse(dlerror());
    functions_ = find_all(handle_.get());
    if (functions_.init == nullptr || functions_.shutdown == nullptr || functions_.device_by_index == nullptr)
        refuse(path + " is another library");
    const Result result = functions_.init();
    if (result != kSuccess) refuse(describe(result));
}

Library::~Library() {
    if (functions_.shutdown != nullptr) functions_.shutdown();
}

std::string Library::describe(Result result) const {
    const char* text = functions_.error_string == nullptr ? nullptr : functions_.error_string(result);
    return (text == nullptr ? "error" : std::string(text)) + " (" + std::to_string(result) + ")";
}

}  // namespace gptoss::node::nvml

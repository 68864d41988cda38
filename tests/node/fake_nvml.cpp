// A stand-in for NVML, so that the monitor's paths run on machines without a GPU. It tells what the file
// named by FAKE_NVML_STATE says, one "name number" a line, read anew at every question: "used_mib 70000",
// "xid 79", "result 15" (what every question about the card answers). Absent names are what an older card
// does not know.
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>

#include "node/nvml.h"

namespace {

using namespace gptoss::node::nvml;

constexpr Result kNotSupported = 3;
constexpr Result kNotFound = 6;
constexpr unsigned long long kMiB = 1 << 20;

std::optional<unsigned long long> told(const std::string& name) {
    const char* path = std::getenv("FAKE_NVML_STATE");
    if (path == nullptr) return std::nullopt;
    std::ifstream file(path);
    std::string each;
    unsigned long long number = 0;
    while (file >> each >> number)
        if (each == name) return number;
    return std::nullopt;
}

template <typename Number>
Result answer(const std::string& name, Number* out) {
    if (const auto result = told("result")) return static_cast<Result>(*result);
    const auto number = told(name);
    if (!number) return kNotSupported;
    *out = static_cast<Number>(*number);
    return kSuccess;
}

DeviceHandle only_card() {
    static char card;
    return reinterpret_cast<DeviceHandle>(&card);
}

unsigned long long xids_told = 0;

}  // namespace

extern "C" {

Result nvmlInit_v2() {
    xids_told = 0;
    return kSuccess;
}
Result nvmlShutdown() {
    return kSuccess;
}
const char* nvmlErrorString(Result result) {
    return result == kGpuIsLost ? "GPU is lost" : "fake error";
}
Result nvmlSystemGetDriverVersion(char* text, unsigned size) {
    std::strncpy(text, "580.00", size);
    return kSuccess;
}
Result nvmlDeviceGetHandleByIndex_v2(unsigned, DeviceHandle* card) {
    *card = only_card();
    return kSuccess;
}
Result nvmlDeviceGetHandleByPciBusId_v2(const char* bus_id, DeviceHandle* card) {
    *card = only_card();
    return std::strcmp(bus_id, "0000:17:00.0") == 0 || told("any_card") ? kSuccess : kNotFound;
}
Result nvmlDeviceGetName(DeviceHandle, char* text, unsigned size) {
    std::strncpy(text, "Fake RTX", size);
    return kSuccess;
}
Result nvmlDeviceGetMemoryInfo_v2(DeviceHandle, Memory* memory) {
    if (memory->version != (sizeof(Memory) | 2U << 24)) return kNotSupported;
    const Result result = answer("used_mib", &memory->used);
    memory->used *= kMiB;
    memory->total = told("total_mib").value_or(97887) * kMiB;
    return result;
}
Result nvmlDeviceGetUtilizationRates(DeviceHandle, Utilization* utilization) {
    utilization->memory = 40;
    return answer("utilization", &utilization->gpu);
}
Result nvmlDeviceGetTemperature(DeviceHandle, int, unsigned* celsius) {
    return answer("temperature", celsius);
}
Result nvmlDeviceGetPowerUsage(DeviceHandle, unsigned* milliwatts) {
    return answer("milliwatts", milliwatts);
}
Result nvmlDeviceGetTotalEnergyConsumption(DeviceHandle, unsigned long long* millijoules) {
    return answer("millijoules", millijoules);
}
Result nvmlDeviceGetClockInfo(DeviceHandle, int type, unsigned* mhz) {
    return answer(type == kMemoryClock ? "memory_mhz" : "sm_mhz", mhz);
}
Result nvmlDeviceGetTotalEccErrors(DeviceHandle, int type, int, unsigned long long* count) {
    return answer(type == kCorrectedErrors ? "corrected" : "uncorrected", count);
}
Result nvmlDeviceGetRemappedRows(DeviceHandle, unsigned* corrected, unsigned* uncorrected, unsigned* pending,
                                 unsigned* failed) {
    *corrected = *uncorrected = *pending = 0;
    return answer("remap_failed", failed);
}
Result nvmlDeviceGetCurrentClocksThrottleReasons(DeviceHandle, unsigned long long* bits) {
    return answer("throttle_bits", bits);
}
Result nvmlEventSetCreate(EventSet* set) {
    static char events;
    *set = reinterpret_cast<EventSet>(&events);
    return kSuccess;
}
Result nvmlDeviceRegisterEvents(DeviceHandle, unsigned long long, EventSet) {
    return kSuccess;
}
// Each Xid once: "xid 79" is one event, until the file names another number.
Result nvmlEventSetWait_v2(EventSet, EventData* event, unsigned) {
    const auto xid = told("xid");
    if (!xid || *xid == xids_told) return kTimeout;
    event->type = kXidEvent;
    event->data = xids_told = *xid;
    return kSuccess;
}
Result nvmlEventSetFree(EventSet) {
    return kSuccess;
}

}  // extern "C"

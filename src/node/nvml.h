// The few functions of NVIDIA's management library that the monitor asks, opened at run time: the node starts
// on machines that do not have it. Names and numbers are those of NVIDIA's public interface, version 12 and
// later.
#pragma once

#include <memory>
#include <string>

namespace gptoss::node::nvml {

using Result = int;
inline constexpr Result kSuccess = 0;
inline constexpr Result kTimeout = 10;
inline constexpr Result kGpuIsLost = 15;
inline constexpr Result kResetRequired = 16;

using DeviceHandle = struct OpaqueDevice*;
using EventSet = struct OpaqueEventSet*;

struct Memory {
    unsigned version = static_cast<unsigned>(sizeof(Memory)) | 2U << 24;
    unsigned long long total = 0, reserved = 0, free = 0, used = 0;
};
static_assert(sizeof(Memory) == 40, "nvmlMemory_v2_t carries its own size in its version");

struct Utilization {
    unsigned gpu = 0, memory = 0;
};

struct EventData {
    DeviceHandle device = nullptr;
    unsigned long long type = 0, data = 0;
    unsigned gpu_instance = 0, compute_instance = 0;
};
inline constexpr unsigned long long kXidEvent = 0x8;

inline constexpr int kCoreTemperature = 0;
inline constexpr int kStreamingMultiprocessorClock = 1, kMemoryClock = 2;
inline constexpr int kCorrectedErrors = 0, kUncorrectedErrors = 1;
inline constexpr int kSinceDriverLoad = 0;

// Pointers into the library; those it does not have are null.
struct Functions {
    Result (*init)() = nullptr;
    Result (*shutdown)() = nullptr;
    const char* (*error_string)(Result) = nullptr;
    Result (*driver_version)(char*, unsigned) = nullptr;
    Result (*device_by_bus_id)(const char*, DeviceHandle*) = nullptr;
    Result (*device_by_index)(unsigned, DeviceHandle*) = nullptr;
    Result (*name)(DeviceHandle, char*, unsigned) = nullptr;
    Result (*memory)(DeviceHandle, Memory*) = nullptr;
    Result (*utilization)(DeviceHandle, Utilization*) = nullptr;
    Result (*temperature)(DeviceHandle, int, unsigned*) = nullptr;
    Result (*power_milliwatts)(DeviceHandle, unsigned*) = nullptr;
    Result (*power_limit_milliwatts)(DeviceHandle, unsigned*) = nullptr;
    Result (*energy_millijoules)(DeviceHandle, unsigned long long*) = nullptr;
    Result (*clock_mhz)(DeviceHandle, int, unsigned*) = nullptr;
    Result (*ecc_errors)(DeviceHandle, int, int, unsigned long long*) = nullptr;
    Result (*remapped_rows)(DeviceHandle, unsigned*, unsigned*, unsigned*, unsigned*) = nullptr;
    Result (*throttle_reasons)(DeviceHandle, unsigned long long*) = nullptr;
    Result (*event_set_create)(EventSet*) = nullptr;
    Result (*register_events)(DeviceHandle, unsigned long long, EventSet) = nullptr;
    Result (*event_set_wait)(EventSet, EventData*, unsigned) = nullptr;
    Result (*event_set_free)(EventSet) = nullptr;
};

// The library, loaded and initialised; shut down when it goes.
class Library {
  public:
    // Throws Error(device_failed) when it is not there, is no NVML, or cannot be initialised.
    explicit Library(const std::string& path);
    ~Library();
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;

    const Functions& operator*() const { return functions_; }
    const Functions* operator->() const { return &functions_; }

    // The library's own words for a result.
    std::string describe(Result result) const;

  private:
    struct Close {
        void operator()(void* handle) const noexcept;
    };
    std::unique_ptr<void, Close> handle_;
    Functions functions_;
};

}  // namespace gptoss::node::nvml

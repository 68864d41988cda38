#include "node/gpu_monitor.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/error.h"

namespace gptoss::node {
namespace {

constexpr const char* kDriversLibrary = "libnvidia-ml.so.1";
constexpr std::size_t kMostXids = 16;  // the newest

// Xids after which a card computes wrongly or not at all until it is reset (NVIDIA's catalogue of them):
// double-bit errors, failed row remapping, a hung or lost card, uncontained memory errors, a dead system
// processor. Others, such as 13 and 31, blame a program.
constexpr std::array<unsigned long long, 11> kFatalXids{48, 62, 64, 74, 79, 94, 95, 119, 120, 140, 143};

struct ThrottleReason {
    unsigned long long bit;
    const char* name;
};
// Without those that are no fault: an idle card, clocks that somebody set.
constexpr std::array<ThrottleReason, 5> kThrottleReasons{{{0x04, "power cap"},
                                                          {0x08, "hardware slowdown"},
                                                          {0x20, "temperature"},
                                                          {0x40, "temperature (hardware)"},
                                                          {0x80, "power brake (hardware)"}}};

std::string gigabytes(double bytes) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f GB", bytes / 1e9);
    return text.data();
}

}  // namespace

template <typename Function, typename... Arguments>
bool GpuMonitor::ask(Function function, Arguments... arguments) {
    if (function == nullptr) return false;
    const nvml::Result result = function(arguments...);
    if (result == nvml::kGpuIsLost || result == nvml::kResetRequired) fail(nvml_.describe(result));
    return result == nvml::kSuccess;
}

GpuMonitor::GpuMonitor(const GpuMonitorOptions& options)
    : options_(options), nvml_(options.library.empty() ? kDriversLibrary : options.library) {
    const bool found = options_.bus_id.empty()
                           ? ask(nvml_->device_by_index, 0U, &device_)
                           : ask(nvml_->device_by_bus_id, options_.bus_id.c_str(), &device_);
    if (!found)
        throw Error(ErrorCode::device_failed, "NVML knows no GPU " + options_.bus_id,
                    "Compare with `nvidia-smi -q | grep 'Bus Id'`.", {{"bus_id", options_.bus_id}});
    std::array<char, 128> text{};
    if (ask(nvml_->name, device_, text.data(), static_cast<unsigned>(text.size()))) name_ = text.data();
    if (ask(nvml_->driver_version, text.data(), static_cast<unsigned>(text.size()))) driver_ = text.data();
    ask(nvml_->energy_millijoules, device_, &first_energy_millijoules_);
    if (ask(nvml_->event_set_create, &events_) &&
        !ask(nvml_->register_events, device_, nvml::kXidEvent, events_)) {
        ask(nvml_->event_set_free, events_);
        events_ = nullptr;
    }
}

GpuMonitor::~GpuMonitor() {
    thread_ = {};  // stops and joins
    if (events_ != nullptr) nvml_->event_set_free(events_);
}

void GpuMonitor::fail(const std::string& why) {
    if (failure_.empty()) failure_ = why;
}

void GpuMonitor::read_values(GpuStatus& status) {
    nvml::Memory memory;
    if (ask(nvml_->memory, device_, &memory)) {
        const auto used = static_cast<double>(memory.used);
        status.add("memory_used_bytes", "GPU memory in use by all programs", used);
        status.add("memory_total_bytes", "GPU memory in all", static_cast<double>(memory.total));
        if (options_.ceiling_bytes > 0) {
            const auto ceiling = static_cast<double>(options_.ceiling_bytes);
            status.add("memory_ceiling_bytes", "VRAM_CEILING_MB: most that may be in use", ceiling);
            if (used > ceiling)
                status.obstacle = "GPU memory in use is " + gigabytes(used) + ", above VRAM_CEILING_MB (" +
                                  gigabytes(ceiling) + ")";
        }
    }
    nvml::Utilization utilization;
    if (ask(nvml_->utilization, device_, &utilization)) {
        status.add("utilization_percent", "Share of the last moment in which kernels ran", utilization.gpu);
        status.add("memory_utilization_percent",
                   "Share of the last moment in which memory was read or written", utilization.memory);
    }
    unsigned number = 0;
    if (ask(nvml_->temperature, device_, nvml::kCoreTemperature, &number))
        status.add("temperature_celsius", "Temperature of the GPU", number);
    if (ask(nvml_->power_milliwatts, device_, &number))
        status.add("power_watts", "Power drawn now", number / 1e3);
    if (ask(nvml_->power_limit_milliwatts, device_, &number))
        status.add("power_limit_watts", "Power the card may draw", number / 1e3);
    if (ask(nvml_->clock_mhz, device_, nvml::kStreamingMultiprocessorClock, &number))
        status.add("sm_clock_mhz", "Clock of the multiprocessors", number);
    if (ask(nvml_->clock_mhz, device_, nvml::kMemoryClock, &number))
        status.add("memory_clock_mhz", "Clock of the memory", number);
    unsigned long long large = 0;
    if (ask(nvml_->energy_millijoules, device_, &large))
        status.add("energy_joules", "Energy the card used since the node started",
                   static_cast<double>(large - first_energy_millijoules_) / 1e3);
    if (ask(nvml_->throttle_reasons, device_, &large)) {
        for (const ThrottleReason& reason : kThrottleReasons)
            if ((large & reason.bit) != 0) status.throttling.emplace_back(reason.name);
        status.add("throttled", "1 while power or temperature lowers the clocks",
                   status.throttling.empty() ? 0 : 1);
    }
}

void GpuMonitor::read_errors(GpuStatus& status) {
    unsigned long long count = 0;
    if (ask(nvml_->ecc_errors, device_, nvml::kCorrectedErrors, nvml::kSinceDriverLoad, &count))
        status.add("corrected_ecc_errors", "Memory errors corrected since the driver was loaded",
                   static_cast<double>(count));
    if (ask(nvml_->ecc_errors, device_, nvml::kUncorrectedErrors, nvml::kSinceDriverLoad, &count))
        status.add("uncorrected_ecc_errors", "Memory errors not corrected since the driver was loaded",
                   static_cast<double>(count));
    unsigned corrected = 0, uncorrected = 0, pending = 0, failed = 0;
    if (ask(nvml_->remapped_rows, device_, &corrected, &uncorrected, &pending, &failed)) {
        status.add("remapped_rows", "Rows of memory replaced by spare ones", corrected + uncorrected);
        if (failed != 0) fail("a faulty row of memory could not be replaced");
    }
    nvml::EventData event;
    while (events_ != nullptr && ask(nvml_->event_set_wait, events_, &event, 0U)) {
        if (event.type != nvml::kXidEvent) continue;
        ++xid_count_;
        xids_.push_back(event.data);
        if (xids_.size() > kMostXids) xids_.erase(xids_.begin());
        if (std::ranges::find(kFatalXids, event.data) != kFatalXids.end())
            fail("the driver reported Xid " + std::to_string(event.data) +
                 ", after which a card must be reset; the system log has its details");
    }
    status.add("xid_errors", "Errors (Xid) the driver reported since the node started",
               static_cast<double>(xid_count_));
    status.xids = xids_;
}

GpuStatus GpuMonitor::read() {
    GpuStatus status;
    status.name = name_;
    status.bus_id = options_.bus_id;
    status.driver = driver_;
    read_values(status);
    read_errors(status);
    status.failure = failure_;
    return status;
}

void GpuMonitor::start(std::chrono::milliseconds period, std::function<void(GpuStatus)> publish) {
    thread_ = std::jthread([this, period, publish = std::move(publish)](const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        while (!stop.stop_requested()) {
            publish(read());
            wake_.wait_for(lock, stop, period, [] { return false; });
        }
    });
}

}  // namespace gptoss::node

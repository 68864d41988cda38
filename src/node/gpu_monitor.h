// Watches the GPU through NVML: memory, temperature, power, clocks, errors. Reading takes a few milliseconds
// and does not disturb what the GPU computes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "node/application/gpu_status.h"
#include "node/nvml.h"

namespace gptoss::node {

struct GpuMonitorOptions {
    std::string library;             // empty = the driver's libnvidia-ml.so.1
    std::string bus_id;              // of the GPU that computes; empty = the first one
    std::int64_t ceiling_bytes = 0;  // of memory in use by all programs; 0 = none
};

class GpuMonitor {
  public:
    // Throws Error(device_failed) without NVML or without such a GPU.
    explicit GpuMonitor(const GpuMonitorOptions& options);
    ~GpuMonitor();
    GpuMonitor(const GpuMonitor&) = delete;
    GpuMonitor& operator=(const GpuMonitor&) = delete;

    // What the card reports now. What once was a failure stays one. One thread at a time.
    GpuStatus read();

    // Reads every `period` on a thread of its own, from now on until the monitor goes.
    void start(std::chrono::milliseconds period, std::function<void(GpuStatus)> publish);

  private:
    void read_values(GpuStatus& status);
    void read_errors(GpuStatus& status);
    void fail(const std::string& why);
    // True when the function exists and succeeded; notes a card that is lost.
    template <typename Function, typename... Arguments>
    bool ask(Function function, Arguments... arguments);

    GpuMonitorOptions options_;
    nvml::Library nvml_;
    nvml::DeviceHandle device_ = nullptr;
    nvml::EventSet events_ = nullptr;
    std::string name_, driver_;
    std::vector<unsigned long long> xids_;
    unsigned long long xid_count_ = 0;
    unsigned long long first_energy_millijoules_ = 0;
    std::string failure_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::jthread thread_;  // last: it uses all the others
};

}  // namespace gptoss::node

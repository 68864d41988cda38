// A GPU of this machine as an object. CUDA's calls go to the device that is current in the calling thread, so whoever
// computes on a Device first makes it current, for as long as that takes. Nothing else keeps a device in mind: several
// backends on several GPUs, or on one, can live in one process.
#pragma once

#include <cstdint>
#include <string>

#include "backend/cuda/plan/execution_plan.h"
#include "backend/cuda/weights.h"

namespace gptoss::backend::cuda {

class Device {
  public:
    // `ordinal`: 0 .. number of GPUs - 1, in the driver's order. Asks the driver, and leaves the calling thread's current
    // device as it is. Throws Error(device_failed) for a GPU that is not there, or for which this build has no code.
    explicit Device(std::int32_t ordinal);

    std::int32_t ordinal() const { return ordinal_; }
    const DeviceTraits& traits() const { return traits_; }
    const std::string& name() const { return name_; }      // "NVIDIA H200"
    const std::string& bus_id() const { return bus_id_; }  // "0000:17:00.0"

  private:
    std::int32_t ordinal_;
    DeviceTraits traits_;
    std::string name_, bus_id_;
};

// Makes a device the calling thread's current one; at its end the one before is current again.
class CurrentDevice {
  public:
    // Throws Error(device_failed).
    explicit CurrentDevice(const Device& device) : CurrentDevice(device.ordinal()) {}
    explicit CurrentDevice(std::int32_t ordinal);
    ~CurrentDevice();
    CurrentDevice(const CurrentDevice&) = delete;
    CurrentDevice& operator=(const CurrentDevice&) = delete;

  private:
    int before_ = 0, ordinal_ = 0;
};

// Of the calling thread's current device. Throws Error(device_failed).
DeviceTraits current_device_traits();

// What plans need to know of a model on a device.
PlanOptions plan_options_of(const DeviceWeights& weights);

}  // namespace gptoss::backend::cuda

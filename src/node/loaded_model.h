// From a GGUF file to an engine that generates: open, plan, read, build.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/service.h"
#include "engine/engine.h"
#include "model/plan.h"
#include "node/device.h"
#include "node/settings.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::node {

// Called on loading threads, never from two at once; may throw to stop loading.
using LoadProgress =
    std::function<void(const std::string& stage, std::int64_t done_bytes, std::int64_t total_bytes)>;

struct LoadedModel {
    api::ServedModel served;
    std::shared_ptr<engine::Engine> engine;  // keeps the file and the weights alive
    model::MemoryPlan plan;
    std::filesystem::path path;
    std::int64_t free_bytes = 0;     // on the device, before loading, below the ceiling
    std::int64_t ceiling_bytes = 0;  // most of the GPU's memory that may be in use; 0 = no ceiling
    std::string bus_id;              // PCI address of the GPU; empty on the CPU
};

// Throws Error for anything wrong with the file, the settings, or when the plan does not fit. `devices` in
// order of preference; those that this machine lacks are passed over when the setting is "auto".
LoadedModel load_model(const Settings& settings, const std::vector<Device>& devices,
                       const LoadProgress& progress);

// The first token id that must never be sampled; -1 = none (BackendOptions::padding_from).
std::int32_t first_padding(const Tokenizer& tokenizer);

}  // namespace gptoss::node

// `--gpu-layers N` of the subcommands that take `--device`: what GPU_LAYERS is to `serve`.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "model/plan.h"

namespace gptoss::cli {

inline void add_gpu_layers(CLI::App& command, std::int32_t& gpu_layers) {
    command
        .add_option("--gpu-layers", gpu_layers,
                    "With --device cuda: the last N layers and the head on the GPU, the rest on the CPU")
        ->check(CLI::Range(1, 999));
}

// The CPU alone has all layers: a number of layers elsewhere would be ignored.
inline void require_gpu_for_layers(const std::string& device, std::int32_t gpu_layers) {
    if (device != "cpu" || gpu_layers == model::PlanRequest{}.gpu_layers) return;
    throw Error(ErrorCode::setting_invalid, "--gpu-layers places layers on a GPU, but --device is cpu",
                "Use --device cuda, or leave --gpu-layers out.");
}

}  // namespace gptoss::cli

// Measures what steps of this device and model take, before the first request: without it the first users
// would teach the engine, and be served by guesses. It also makes a GPU load its kernels.
#pragma once

#include <chrono>

#include "backend/backend.h"
#include "engine/engine.h"
#include "engine/step_costs.h"

namespace gptoss::engine {

// Runs steps of random tokens, from few rows to many, prompts and steps that generate, until all sizes are
// measured or `budget` is spent; a slow device is then known by its smaller steps. Writes to blocks and slots as if
// they were its own: call it while no sequence holds any. Throws what the backend throws.
void measure_steps(backend::Backend& backend, const EngineOptions& options, std::chrono::milliseconds budget,
                   StepCosts& costs);

}  // namespace gptoss::engine

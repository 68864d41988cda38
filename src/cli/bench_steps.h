// `bench --steps`: what a step takes by its rows, those that generate and those of prompts, which is what the
// scheduler decides by.
#pragma once

#include <nlohmann/json.hpp>

#include "backend/backend.h"

namespace gptoss::cli {

// Room that the measurement needs.
model::PlanRequest plan_request_of_steps(std::int32_t max_sequences, std::int32_t max_batch_tokens);

// An array of {decode_rows, prompt_rows, prompt_depth, step_ms}, medians of three; rows that generate are
// 1,024 tokens deep. `report` is called with each of them as it is measured.
nlohmann::ordered_json measure_step_table(backend::Backend& backend, const model::MemoryPlan& plan,
                                          const model::Hyperparameters& shape, bool report);

}  // namespace gptoss::cli

// `bench --operations`: what each operation of a step takes, beside what the memory's bandwidth allows.
#pragma once

#include <nlohmann/json.hpp>

#include "backend/backend.h"

namespace gptoss::cli {

// An array of {rows, prompt, operation, calls, microseconds, share_of_bandwidth}: steps of 1 to `max_sequences`
// rows that generate 1,024 tokens deep, and a prompt of max_batch_tokens. The clock between operations costs each
// about 5 us on a GPU. The share counts weights as ggml-org publishes them, those of the experts that even routing
// would hit, and the keys and values of rows that generate; null where that says nothing: prompts, and what
// reads little. `bytes_per_second`: what the memory reads. Empty when the backend has no such clock.
nlohmann::ordered_json measure_operations(backend::Backend& backend, const model::MemoryPlan& plan,
                                          const model::Hyperparameters& shape, double bytes_per_second,
                                          bool report);

}  // namespace gptoss::cli

// GPUs that are not here: what `plan --gpu NAME` assumes of them, on a build with CUDA or without.
#pragma once

#include <cstdint>
#include <string>

#include "backend/needs.h"

namespace gptoss::backend {

// Bytes free on an idle card of this name ("h100", "4090"), or the bytes that `text` is ("24G" and "24GB" = 24 * 10^9,
// "24GiB" = 24 * 2^30). Throws Error(setting_invalid) with the names for anything else.
std::int64_t free_bytes_of_card(const std::string& text);

// The card's name for people: "NVIDIA H100 80GB", or "a GPU with 24.0 GB free".
std::string name_of_card(const std::string& text);

// What the CUDA backend needs for the request on such a card, besides the KV cache. The CUDA backend counts the same exactly;
// this is never less and at most 1 % of the whole more (tests/backend/cuda holds it against that). `file_weight_bytes`: of
// the tensors in the file; 0 = as ggml-org publishes the shape. The host's share of a split model is left to the caller.
DeviceNeeds needs_of_card(const std::string& text, const model::Hyperparameters& shape,
                          const model::PlanRequest& request, std::int64_t file_weight_bytes);

}  // namespace gptoss::backend

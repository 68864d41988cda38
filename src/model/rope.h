// YaRN without truncation (openai/gpt-oss gpt_oss/torch/model.py, RotaryEmbedding): per-pair frequencies and
// the attention factor both q and k are scaled by. In double: at position 131,071 float32 angles are off by 8e-3
// rad.
#pragma once

#include <vector>

#include "model/hyperparameters.h"

namespace gptoss::model {

struct RopeTable {
    std::vector<double> inverse_frequencies;  // [head_size / 2]
    double attention_factor = 1.0;            // (0.1 ln(factor) + 1) times the file's attn_factor
};
RopeTable rope_table(const Hyperparameters& hyperparameters);

// cos and sin of position * inverse_frequency, times the attention factor: out[2 * i] = cos, out[2 * i + 1] = sin,
// i = 0 .. head_size / 2 - 1. Pairs are (i, i + head_size / 2).
void rope_row(const RopeTable& table, std::int32_t position, float* out);

}  // namespace gptoss::model

#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gptoss::model {

RopeTable rope_table(const Hyperparameters& shape) {
    // YaRN's ramp runs between the pairs that turn 32 times and once over the original context. The bounds
    // are not rounded: rounding them, as ggml does, moves pair 17 by 76 %.
    constexpr double kBetaFast = 32.0, kBetaSlow = 1.0;
    const double half = shape.head_size / 2.0;
    const auto pair_that_turns = [&](double turns) {
        return half * std::log(shape.original_context_length / (turns * 2.0 * std::numbers::pi)) /
               std::log(shape.rope_base);
    };
    const double low = pair_that_turns(kBetaFast), high = pair_that_turns(kBetaSlow);
    RopeTable table;
    table.attention_factor =
        shape.rope_scaling_factor > 1.0 ? 0.1 * std::log(shape.rope_scaling_factor) + 1.0 : 1.0;
    table.attention_factor *= shape.rope_attention_factor;
    for (int i = 0; i < shape.head_size / 2; ++i) {
        const double frequency = std::pow(shape.rope_base, i / half);
        const double ramp = std::clamp((i - low) / (high - low), 0.0, 1.0);
        table.inverse_frequencies.push_back(ramp / (shape.rope_scaling_factor * frequency) +
                                            (1.0 - ramp) / frequency);
    }
    return table;
}

void rope_row(const RopeTable& table, std::int32_t position, float* out) {
    for (std::size_t i = 0; i < table.inverse_frequencies.size(); ++i) {
        const double angle = position * table.inverse_frequencies[i];
        out[2 * i] = static_cast<float>(table.attention_factor * std::cos(angle));
        out[2 * i + 1] = static_cast<float>(table.attention_factor * std::sin(angle));
    }
}

}  // namespace gptoss::model

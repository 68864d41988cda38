// Is an outcome right? The reference is the CPU's float32 path on the same weights.
#pragma once

#include <span>
#include <string>

#include "model/plan.h"
#include "qualify/probe.h"

namespace gptoss::qualify {

// Two errors of a row's logits, both relative to the root mean square of the reference:
// of all logits together (root mean square), and of the worst single one.
struct LogitsError {
    double overall = 0, worst = 0;
    bool finite = true;
};
LogitsError error_of(std::span<const float> logits, std::span<const float> reference);

struct Tolerance {
    // For at least half of the rows of a probe. Rounding can send a token to another expert where two are nearly
    // equal; then its row differs by more, and the rest does not.
    double overall = 0, worst = 0;
    double of_any_row = 0;  // overall error that no row may exceed
};

// What kernels reach by their rounding, with room for other weights (docs/qualify.md). A cache of bf16 rounds
// keys to 8 bits, of f16 to 11. `whole` = all layers, where errors add up and experts flip more often.
Tolerance tolerance_for(const std::string& device, const model::KvTypes& kv_types, bool whole);

struct Judgement {
    // Empty = right. Else what is wrong, in words a report can hold: "not a number in 1 of 8 rows".
    std::string fault;
    // The error may be that of tokens which rounding sends to another expert: no row is as wrong as any other text's. A
    // token that others look back at takes them along, so most rows of a step may differ. Other inputs decide.
    bool may_be_rounding = false;
};
Judgement judge(const ProbeOutcome& outcome, const ProbeOutcome& reference, std::int32_t vocabulary,
                const Tolerance& tolerance);

}  // namespace gptoss::qualify

// How many rows of prompts the next step takes in: pure, from what steps cost and from who generates and whose
// prompt is next. Nothing else is remembered, so a load is served alike whatever came before it.
//
// A step that takes in prompts while others generate lasts as long as its bound allows, since the larger a step,
// the less a prompt's row costs. The bound is `step_ms`, or `slowdown` times a step without prompts where that is
// longer: so prompts always get a fair part of the device's time, and the more users generate, the larger the
// steps.
//
// With nobody generating a step takes in all the rows it holds. At least kFewestRows are always granted, so that
// prompts get on even where one row exceeds every bound.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/scheduling.h"
#include "engine/step_costs.h"

namespace gptoss::engine {

struct StepBounds {
    double step_ms = 0;
    double slowdown = 1;
};
StepBounds bounds_of(Scheduling scheduling);

inline constexpr std::int32_t kFewestRows = 16;

// A prompt that waits or is in progress.
struct PendingPrompt {
    std::int32_t rows = 0;     // still to compute
    std::int32_t context = 0;  // tokens before the next of them
    bool came_first = false;   // of all prompts in progress
};

// How prompts share a step's rows: half belong to the one that came first, for as long as it has not had its turn. The
// rest goes to whoever has the next turn, shorter ones before longer ones.
class RowShares {
  public:
    RowShares(std::int32_t rows, std::int32_t rows_of_first)
        : left_(rows), reserved_(std::min(rows_of_first, (rows + 1) / 2)) {}

    // The rows that the prompt whose turn it is may have, of the `rows` that it needs.
    std::int32_t of(std::int32_t rows, bool came_first) {
        if (came_first) reserved_ = 0;
        return std::min(rows, left_ - reserved_);
    }
    void take(std::int32_t rows) { left_ -= rows; }
    std::int32_t left() const { return left_; }

  private:
    std::int32_t left_, reserved_;
};

// What ended a step's rows of prompts: a bound, or the rows that a step holds or prompts have.
enum class StepLimit { rows, bound };
inline constexpr std::array<std::string_view, 2> kStepLimitNames{"rows", "bound"};

struct PromptGrant {
    std::int32_t rows = 0;
    double bound_ms = 0;  // the step may take so long; 0 = nobody generates, no bound
    StepLimit limit = StepLimit::rows;
};

class StepPolicy {
  public:
    StepPolicy(Scheduling scheduling, std::int32_t max_rows)
        : bounds_(bounds_of(scheduling)), max_rows_(max_rows) {}

    // `prompts`: those among which the rows will be shared (RowShares), in the order of their turns.
    PromptGrant grant(const StepCosts& costs, std::int32_t decode_rows, std::int64_t decode_context,
                      std::span<const PendingPrompt> prompts) const;

  private:
    StepBounds bounds_;
    std::int32_t max_rows_;
};

}  // namespace gptoss::engine

// What a step takes on this device, learned from the steps themselves: at start from a few that measure it
// (step_calibration.h), then from all that run. Knows no clock and decides nothing.
//
// A step's time is that of its rows (nearly all of the experts are read for the first dozens, so it bends)
// plus that of the context its rows look back at. Steps that only generate are kept apart from those that
// take in prompts: they run through other kernels.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace gptoss::engine {

// What a step's time depends on.
struct StepShape {
    std::int32_t decode_rows = 0;
    std::int32_t prompt_rows = 0;
    std::int64_t decode_context = 0;  // tokens before the rows that generate, summed over them
    std::int64_t prompt_context = 0;  // the same over the rows of prompts
};

// Milliseconds by number of rows: medians of what was measured near a number, straight lines between them.
class RowCosts {
  public:
    void record(std::int32_t rows, double step_ms);
    bool empty() const { return points_.empty(); }
    // Before anything is known: 0.
    double ms(std::int32_t rows) const;

  private:
    // By the number of rows, two classes for each doubling.
    static constexpr std::size_t kClasses = 40;
    static constexpr std::size_t kKept = 5;
    struct Point {
        double rows = 0, ms = 0;
    };
    struct Class {
        std::vector<Point> latest;  // at most kKept, the oldest is overwritten
        std::size_t seen = 0;
    };
    void draw_line();

    std::array<Class, kClasses> classes_;
    std::vector<Point> points_;  // by rows; no point takes longer than a later one
};

class StepCosts {
  public:
    void record(const StepShape& shape, double step_ms);

    // 0 when nothing like it has been measured.
    double ms(const StepShape& shape) const;
    bool knows_prompts() const { return !mixed_.empty(); }

  private:
    // Milliseconds a token of context, from steps that looked far back; those that look hardly back say what
    // rows take.
    struct ContextCost {
        double context_ms = 0, context_context = 0;  // sums, older steps count less and less
        double token_ms() const { return context_context > 0 ? context_ms / context_context : 0; }
        void add(double context, double ms);
    };

    RowCosts decode_;  // steps that only generate, by their rows
    RowCosts mixed_;   // steps with rows of prompts, by all their rows
    ContextCost decode_context_, prompt_context_;
};

}  // namespace gptoss::engine

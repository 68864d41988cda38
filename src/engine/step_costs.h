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

// Numbers of rows, two classes for each doubling.
inline constexpr std::size_t kRowClasses = 40;

// Milliseconds by number of rows: medians of what was measured near a number, straight lines between them.
class RowCosts {
  public:
    void record(std::int32_t rows, double step_ms);
    bool empty() const { return points_.empty(); }
    // Before anything is known: 0.
    double ms(std::int32_t rows) const;

  private:
    static constexpr std::size_t kKept = 5;
    struct Point {
        double rows = 0, ms = 0;
    };
    struct Class {
        std::vector<Point> latest;  // at most kKept, the oldest is overwritten
        std::size_t seen = 0;
    };
    void draw_line();

    std::array<Class, kRowClasses> classes_;
    std::vector<Point> points_;  // by rows; no point takes longer than a later one
};

// Milliseconds a token of context that rows look back at, by their number: few rows fill a device's tiles badly. From
// steps that looked far back; those that look hardly back say what rows take.
class ContextCosts {
  public:
    void record(std::int32_t rows, double context, double ms);
    // From the nearest number of rows that is known; 0 before anything is.
    double token_ms(std::int32_t rows) const;

  private:
    struct Class {
        double context_ms = 0, context_context = 0;  // sums, older steps count less and less
    };
    std::array<Class, kRowClasses> classes_;
};

class StepCosts {
  public:
    void record(const StepShape& shape, double step_ms);

    // 0 when nothing like it has been measured.
    double ms(const StepShape& shape) const;
    bool knows_prompts() const { return !mixed_.empty(); }

  private:
    RowCosts decode_;  // steps that only generate, by their rows
    RowCosts mixed_;   // steps with rows of prompts, by all their rows
    ContextCosts decode_context_, prompt_context_;
};

}  // namespace gptoss::engine

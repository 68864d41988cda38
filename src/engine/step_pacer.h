// How many rows of prompts a step may take in without making those who wait for their next token wait too
// long. Learned from how long steps took, so that it fits any device and model; it knows no clock of its own.
#pragma once

#include <array>
#include <cstdint>

namespace gptoss::engine {

class StepPacer {
  public:
    // See EngineOptions::prompt_slowdown and max_batch_tokens.
    StepPacer(double slowdown, std::int32_t max_rows) : slowdown_(slowdown), max_rows_(max_rows) {}

    void record(std::int32_t decode_rows, std::int32_t prompt_rows, double step_ms);

    // With nobody generating, all the rows there are.
    std::int32_t prompt_rows(std::int32_t decode_rows) const;

  private:
    // Steps without prompts, by the number of rows in powers of two; 0 = not seen yet.
    static constexpr std::size_t kSizes = 16;
    double decode_ms(std::int32_t decode_rows) const;

    // What a step with prompts takes: a fixed part (a GPU reads nearly all experts for the first dozens of
    // rows) and a part for each row, whoever it belongs to: beside many who generate, a prompt finds the
    // fixed part paid already. A line through the latest steps; older ones count less and less.
    struct MixedCost {
        double weight = 0, rows = 0, ms = 0, rows_rows = 0, rows_ms = 0;  // sums
        double row_ms = 0;                                                // 0 = nothing seen yet
        double fixed_ms = 0;
        void add(double rows_of_step, double ms_of_step);
    };

    double slowdown_;
    std::int32_t max_rows_;
    std::array<double, kSizes> decode_ms_{};
    MixedCost mixed_;
};

}  // namespace gptoss::engine

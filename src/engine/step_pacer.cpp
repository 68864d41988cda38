#include "engine/step_pacer.h"

#include <algorithm>
#include <bit>

namespace gptoss::engine {
namespace {

constexpr double kShortestStepMs = 20;  // 50 tokens a second for everyone, while a prompt is taken in
constexpr std::int32_t kFewestRows = 16;
constexpr std::int32_t kRowsBeforeAnyMeasurement = 256;

void move_towards(double& average, double value) {
    average = average == 0 ? value : average + 0.2 * (value - average);
}

std::size_t size_class(std::int32_t rows) {
    return std::bit_width(static_cast<std::uint32_t>(rows));
}

}  // namespace

void StepPacer::record(std::int32_t decode_rows, std::int32_t prompt_rows, double step_ms) {
    if (prompt_rows == 0) {
        if (decode_rows > 0) move_towards(decode_ms_[std::min(size_class(decode_rows), kSizes - 1)], step_ms);
        return;
    }
    // A few rows say little about the price of one: the step's fixed costs hide it.
    if (prompt_rows < kFewestRows) return;
    const double own_ms = std::max(step_ms - decode_ms(decode_rows), 0.05 * step_ms);
    move_towards(prompt_row_ms_, own_ms / prompt_rows);
}

std::int32_t StepPacer::prompt_rows(std::int32_t decode_rows) const {
    if (decode_rows == 0 || slowdown_ <= 1) return max_rows_;
    if (prompt_row_ms_ == 0) return std::min(kRowsBeforeAnyMeasurement, max_rows_);
    const double alone_ms = decode_ms(decode_rows);
    const double spare_ms = std::max(alone_ms * slowdown_, kShortestStepMs) - alone_ms;
    const double rows = std::min<double>(spare_ms / prompt_row_ms_, max_rows_);
    return std::clamp(static_cast<std::int32_t>(rows), std::min(kFewestRows, max_rows_), max_rows_);
}

// Of steps of about that size; if there were none, of the nearest smaller or else larger ones.
double StepPacer::decode_ms(std::int32_t decode_rows) const {
    if (decode_rows == 0) return 0;
    const std::size_t size = std::min(size_class(decode_rows), kSizes - 1);
    for (std::size_t smaller = size + 1; smaller-- > 0;)
        if (decode_ms_[smaller] > 0) return decode_ms_[smaller];
    for (std::size_t larger = size; larger < kSizes; ++larger)
        if (decode_ms_[larger] > 0) return decode_ms_[larger];
    return 0;
}

}  // namespace gptoss::engine

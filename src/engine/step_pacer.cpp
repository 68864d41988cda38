#include "engine/step_pacer.h"

#include <algorithm>
#include <bit>

namespace gptoss::engine {
namespace {

constexpr double kShortestStepMs = 20;  // 50 tokens a second for everyone, while a prompt is taken in
constexpr std::int32_t kFewestRows = 16;
// Where the first row of a prompt adds more than a whole step without prompts takes, as many rows again as
// cost as much: fewer would hardly shorten the step, and a long prompt would take in hardly anything in each.
// Up to here; beyond, the device is slow whatever we do.
constexpr double kLongestForFixedMs = 60;
constexpr double kForgetting = 0.9;
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
    mixed_.add(decode_rows + prompt_rows, step_ms);
}

void StepPacer::MixedCost::add(double rows_of_step, double ms_of_step) {
    weight = kForgetting * weight + 1;
    rows = kForgetting * rows + rows_of_step;
    ms = kForgetting * ms + ms_of_step;
    rows_rows = kForgetting * rows_rows + rows_of_step * rows_of_step;
    rows_ms = kForgetting * rows_ms + rows_of_step * ms_of_step;
    const double mean_rows = rows / weight, mean_ms = ms / weight;
    const double variance = rows_rows / weight - mean_rows * mean_rows;
    // Steps of nearly one size do not tell a row's price: the last one known stays, or half of the time is
    // the rows'.
    constexpr double kEnoughSpread = 0.1;
    if (variance > kEnoughSpread * kEnoughSpread * mean_rows * mean_rows)
        row_ms = (rows_ms / weight - mean_rows * mean_ms) / variance;
    else if (row_ms == 0)
        row_ms = 0.25 * mean_ms / mean_rows;
    row_ms = std::clamp(row_ms, 0.01 * mean_ms / mean_rows, mean_ms / mean_rows);
    fixed_ms = mean_ms - row_ms * mean_rows;
}

std::int32_t StepPacer::prompt_rows(std::int32_t decode_rows) const {
    if (decode_rows == 0 || slowdown_ <= 1) return max_rows_;
    if (mixed_.row_ms == 0) return std::min(kRowsBeforeAnyMeasurement, max_rows_);
    const double alone_ms = decode_ms(decode_rows);
    const double added_ms = std::max(mixed_.fixed_ms + mixed_.row_ms * decode_rows - alone_ms, 0.0);
    double spare_ms = std::max(alone_ms * (slowdown_ - 1), kShortestStepMs - alone_ms);
    if (added_ms > alone_ms) spare_ms = std::max(spare_ms, std::min(2 * added_ms, kLongestForFixedMs));
    const double rows = std::clamp<double>((spare_ms - added_ms) / mixed_.row_ms, 0, max_rows_);
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

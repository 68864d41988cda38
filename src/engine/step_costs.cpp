#include "engine/step_costs.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace gptoss::engine {
namespace {

// Steps whose rows attend to more tokens than this on average measure what context costs, the others what rows cost.
constexpr std::int64_t kFarContext = 4096;
constexpr std::int64_t kFarContextOfPrompts = 2048;  // a long prompt's second step knows the price

constexpr double kForgettingContext = 0.98;
// A class of rows less costs that much more a token on an H200, from 2,048 rows down to 256.
constexpr double kDearerWithFewerRows = 1.15;

// 1, 2, 3, 4, 5 to 6, 7 to 8, 9 to 12, ...: each power of two ends a class, because kernels change there.
std::size_t class_of(std::int32_t rows) {
    if (rows <= 1) return 0;
    const auto below = static_cast<std::uint32_t>(rows - 1);
    const int power = std::bit_width(below) - 1;
    const bool upper = power > 0 && (below >> (power - 1) & 1) != 0;
    return std::min(static_cast<std::size_t>(1 + 2 * power + (upper ? 1 : 0)), kRowClasses - 1);
}

}  // namespace

void RowCosts::record(std::int32_t rows, double step_ms) {
    Class& near = classes_[class_of(rows)];
    const Point measured{static_cast<double>(rows), step_ms};
    if (near.latest.size() < kKept)
        near.latest.push_back(measured);
    else
        near.latest[near.seen % kKept] = measured;
    ++near.seen;
    draw_line();
}

void RowCosts::draw_line() {
    points_.clear();
    for (const Class& near : classes_) {
        if (near.latest.empty()) continue;
        // The median: one step that waited for something else says nothing.
        std::vector<Point> latest = near.latest;
        const auto middle = latest.begin() + static_cast<std::ptrdiff_t>((latest.size() - 1) / 2);
        std::ranges::nth_element(latest, middle, {}, &Point::ms);
        points_.push_back(*middle);
    }
    for (std::size_t i = points_.size(); i-- > 1;)
        points_[i - 1].ms = std::min(points_[i - 1].ms, points_[i].ms);
}

double RowCosts::ms(std::int32_t rows) const {
    if (points_.empty()) return 0;
    const auto wanted = static_cast<double>(rows);
    if (wanted <= points_.front().rows) return points_.front().ms;
    const auto after =
        std::ranges::find_if(points_, [&](const Point& point) { return point.rows >= wanted; });
    if (after == points_.end()) {
        // Beyond what is known rows cost what they cost on average so far, which is more than they will.
        return points_.back().ms * wanted / points_.back().rows;
    }
    const Point& before = *(after - 1);
    return before.ms + (after->ms - before.ms) * (wanted - before.rows) / (after->rows - before.rows);
}

void ContextCosts::record(std::int32_t rows, double context, double ms) {
    Class& near = classes_[class_of(rows)];
    near.context_ms = kForgettingContext * near.context_ms + context * std::max(ms, 0.0);
    near.context_context = kForgettingContext * near.context_context + context * context;
}

double ContextCosts::token_ms(std::int32_t rows) const {
    const auto price_of = [](const Class& known) { return known.context_ms / known.context_context; };
    const auto is_known = [](const Class& each) { return each.context_context > 0; };
    const auto wanted = classes_.begin() + static_cast<std::ptrdiff_t>(class_of(rows));
    const auto above = std::find_if(wanted, classes_.end(), is_known);
    if (above == wanted) return price_of(*wanted);
    // Fewer rows pay at least as much: too high a guess makes a step too short, too low a one makes it too long.
    for (auto below = wanted; below != classes_.begin();)
        if (is_known(*--below)) return price_of(*below);
    if (above == classes_.end()) return 0;
    return price_of(*above) * std::pow(kDearerWithFewerRows, above - wanted);
}

void StepCosts::record(const StepShape& shape, double step_ms) {
    const bool mixed = shape.prompt_rows > 0;
    RowCosts& by_rows = mixed ? mixed_ : decode_;
    const std::int32_t rows = shape.decode_rows + shape.prompt_rows;
    const auto decode_context = static_cast<double>(shape.decode_context);
    const auto prompt_context = static_cast<double>(shape.prompt_context);
    const bool far_decode = shape.decode_context > kFarContext * shape.decode_rows;
    const bool far_prompt = shape.prompt_context > kFarContextOfPrompts * shape.prompt_rows;
    const double decode_ms = decode_context * decode_context_.token_ms(shape.decode_rows);
    const double prompt_ms = prompt_context * prompt_context_.token_ms(shape.prompt_rows);
    if (!far_decode && !far_prompt) {
        by_rows.record(rows, step_ms - decode_ms - prompt_ms);
    } else if (!by_rows.empty()) {
        // Where both have long contexts, the cost of decoding is taken as known: steps without prompts have measured it.
        const double rest_ms = step_ms - by_rows.ms(rows);
        if (far_prompt)
            prompt_context_.record(shape.prompt_rows, prompt_context, rest_ms - decode_ms);
        else
            decode_context_.record(shape.decode_rows, decode_context, rest_ms - prompt_ms);
    }
}

double StepCosts::ms(const StepShape& shape) const {
    const std::int32_t rows = shape.decode_rows + shape.prompt_rows;
    double rows_ms = shape.decode_rows > 0 ? decode_.ms(shape.decode_rows) : 0;
    if (shape.prompt_rows > 0) rows_ms = std::max(rows_ms, mixed_.ms(rows));
    return rows_ms + static_cast<double>(shape.decode_context) * decode_context_.token_ms(shape.decode_rows) +
           static_cast<double>(shape.prompt_context) * prompt_context_.token_ms(shape.prompt_rows);
}

}  // namespace gptoss::engine

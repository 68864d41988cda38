#include "qualify/judge.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace gptoss::qualify {
namespace {

// The error of logits that have nothing to do with the reference is the square root of 2 or more.
constexpr double kUnrelated = 1;

}  // namespace

LogitsError error_of(std::span<const float> logits, std::span<const float> reference) {
    LogitsError error;
    double difference = 0, size = 0, worst = 0;
    for (std::size_t i = 0; i < reference.size(); ++i) {
        if (!std::isfinite(logits[i]) || !std::isfinite(reference[i])) error.finite = false;
        const double apart = double{logits[i]} - double{reference[i]};
        difference += apart * apart;
        size += double{reference[i]} * double{reference[i]};
        worst = std::max(worst, std::abs(apart));
    }
    if (difference == 0) return error;  // all are zero, too, where weights are
    const double root = std::sqrt(size / static_cast<double>(reference.size()));
    error.overall = std::sqrt(difference / static_cast<double>(reference.size())) / root;
    error.worst = worst / root;
    return error;
}

Tolerance tolerance_for(const std::string& device, const model::KvTypes& kv_types, bool whole) {
    double overall = device == "cpu" ? 2e-3 : 1.6e-2;  // rounding of activations
    if (kv_types == model::KvType::bf16 && device != "cpu") overall = 0.03;
    if (kv_types.full == model::KvType::f8) overall = 0.1;
    if (whole) overall *= 2;
    return {.overall = overall, .worst = 8 * overall, .of_any_row = std::max(0.3, 4 * overall)};
}

Judgement judge(const ProbeOutcome& outcome, const ProbeOutcome& reference, std::int32_t vocabulary,
                const Tolerance& tolerance) {
    if (outcome.logits.size() != reference.logits.size()) return {"no logits"};
    const std::size_t rows = reference.logits.size() / static_cast<std::size_t>(vocabulary);
    std::size_t not_finite = 0;
    std::vector<double> overall, worst;
    for (std::size_t row = 0; row < rows; ++row) {
        const std::size_t first = row * static_cast<std::size_t>(vocabulary);
        const LogitsError error =
            error_of(std::span(outcome.logits).subspan(first, static_cast<std::size_t>(vocabulary)),
                     std::span(reference.logits).subspan(first, static_cast<std::size_t>(vocabulary)));
        not_finite += error.finite ? 0U : 1U;
        overall.push_back(error.overall);
        worst.push_back(error.worst);
    }
    if (not_finite > 0) return {fmt::format("not a number in {} of {} rows", not_finite, rows)};
    std::ranges::sort(overall);
    std::ranges::sort(worst);
    const std::size_t middle = (rows - 1) / 2;
    const bool small = overall.back() < kUnrelated && outcome.repeatable;
    if (overall[middle] > tolerance.overall)
        return {fmt::format("logits are {:.2g} from the reference, {:.2g} is allowed", overall[middle],
                            tolerance.overall),
                small};
    if (worst[middle] > tolerance.worst)
        return {fmt::format("a logit is {:.2g} from the reference, {:.2g} is allowed", worst[middle],
                            tolerance.worst),
                small};
    if (overall.back() > tolerance.of_any_row)
        return {fmt::format("a row is {:.2g} from the reference, {:.2g} is allowed", overall.back(),
                            tolerance.of_any_row),
                small};
    if (!outcome.repeatable) return {"the same step again gave other bits"};
    return {};
}

}  // namespace gptoss::qualify

#include "engine/step_policy.h"

#include <algorithm>

namespace gptoss::engine {
namespace {

constexpr std::int32_t kRowsBeforeAnyMeasurement = 256;

// The step that is about to be planned, with a number of rows of the prompts in question.
struct NextStep {
    const StepCosts& costs;
    StepShape shape;
    std::span<const PendingPrompt> prompts;

    double ms(std::int32_t prompt_rows) const {
        StepShape wanted = shape;
        wanted.prompt_rows = prompt_rows;
        // Rows of prompts that are not in yet have no context.
        const auto first = std::ranges::find_if(prompts, &PendingPrompt::came_first);
        RowShares shares(prompt_rows, first == prompts.end() ? 0 : first->rows);
        for (const PendingPrompt& prompt : prompts) {
            const std::int32_t rows = shares.of(prompt.rows, prompt.came_first);
            wanted.prompt_context += std::int64_t{rows} * (prompt.context + rows / 2);
            shares.take(rows);
        }
        return costs.ms(wanted);
    }

    // The most rows of prompts with which the step takes `bound_ms`.
    std::int32_t rows_within(double bound_ms, std::int32_t most) const {
        std::int32_t fit = 0, too_many = most + 1;
        while (too_many - fit > 1) {
            const std::int32_t middle = fit + (too_many - fit) / 2;
            (ms(middle) <= bound_ms ? fit : too_many) = middle;
        }
        return fit;
    }
};

}  // namespace

StepBounds bounds_of(Scheduling scheduling) {
    switch (scheduling) {
        case Scheduling::latency:
            return {.step_ms = 36, .slowdown = 1.9};
        case Scheduling::balanced:
            return {.step_ms = 52, .slowdown = 2.4};
        case Scheduling::throughput:
            return {.step_ms = 400, .slowdown = 10};
    }
    return {};
}

PromptGrant StepPolicy::grant(const StepCosts& costs, std::int32_t decode_rows, std::int64_t decode_context,
                              std::span<const PendingPrompt> prompts) const {
    const std::int32_t most = std::max(max_rows_ - decode_rows, 1);
    if (decode_rows == 0 || prompts.empty()) return {most};
    if (!costs.knows_prompts()) return {std::min(kRowsBeforeAnyMeasurement, most)};

    const NextStep step{costs, {.decode_rows = decode_rows, .decode_context = decode_context}, prompts};
    const double bound_ms = std::max(bounds_.step_ms, bounds_.slowdown * step.ms(0));
    PromptGrant grant{step.rows_within(bound_ms, most), bound_ms, StepLimit::bound};
    if (grant.rows == most) grant.limit = StepLimit::rows;
    grant.rows = std::clamp(grant.rows, std::min(kFewestRows, most), most);
    return grant;
}

}  // namespace gptoss::engine

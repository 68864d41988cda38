#include "api/response_metadata.h"

#include <algorithm>
#include <cmath>

namespace gptoss::api {

namespace {

double per_second(std::int32_t tokens, double duration_ms) {
    return duration_ms > 0 ? tokens * 1e3 / duration_ms : 0;
}

// Three decimals are plenty and keep replies short.
double rounded(double value) {
    return std::round(value * 1e3) / 1e3;
}

}  // namespace

std::string fingerprint() {
    return "gpt-oss-node-" GPTOSS_VERSION;
}

Json usage_json(const UsageTotals& totals) {
    const engine::Usage& usage = totals.usage;
    return {{"prompt_tokens", usage.prompt_tokens},
            {"completion_tokens", usage.completion_tokens},
            {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
            {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
            {"completion_tokens_details", {{"reasoning_tokens", totals.reasoning_tokens}}}};
}

Json timings_json(const UsageTotals& totals, const ResponseMetadata& facts) {
    const engine::Usage& usage = totals.usage;
    return {{"queue_ms", rounded(usage.queue_ms)},
            {"prompt_ms", rounded(usage.prompt_ms)},
            {"prompt_tokens_per_second",
             rounded(per_second(usage.prompt_tokens - usage.cached_tokens, usage.prompt_ms))},
            {"generation_ms", rounded(usage.generation_ms)},
            // The first token belongs to the prompt's time.
            {"generation_tokens_per_second",
             rounded(per_second(std::max(usage.completion_tokens - 1, 0), usage.generation_ms))},
            {"context_length", facts.context_length},
            {"effective", facts.effective}};
}

Json effective_json(const GenerationOptions& options, std::int32_t max_tokens) {
    const backend::SamplingParameters& sampling = options.sampling;
    const auto exact = [](float value) { return rounded(static_cast<double>(value)); };
    return {{"max_tokens", max_tokens},
            {"temperature", exact(sampling.temperature)},
            {"top_p", exact(sampling.top_p)},
            {"top_k", sampling.top_k},
            {"min_p", exact(sampling.min_p)},
            {"repetition_penalty", exact(sampling.repetition_penalty)},
            {"frequency_penalty", exact(sampling.frequency_penalty)},
            {"presence_penalty", exact(sampling.presence_penalty)},
            {"seed", sampling.seed}};
}

}  // namespace gptoss::api

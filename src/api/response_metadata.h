// What is reported about a reply besides its text: why it ended, what it cost, which settings were in effect.
#pragma once

#include <cstdint>
#include <string>

#include "api/generation_options.h"
#include "api/json_reader.h"
#include "engine/engine.h"

namespace gptoss::api {

// Of one choice.
struct FinishInfo {
    std::string finish_reason;  // "stop", "length", "tool_calls", "cancelled"
    engine::Usage usage;
    std::int32_t reasoning_tokens = 0;
    std::string stop_string;  // the one that ended it; empty when none did
};

// Of all choices together: prompts are counted once each, what was generated is summed.
struct UsageTotals {
    engine::Usage usage;
    std::int32_t reasoning_tokens = 0;
};

// What every reply carries.
struct ResponseMetadata {
    std::string id;
    std::string model;  // the one that answers, however the client spelled it
    std::int64_t created_s = 0;
    std::int32_t context_length = 0;
    std::int64_t prompt_tokens = 0;  // of all prompts
    Json effective;                  // the settings this request ran with, after defaults and clamping
};

// The system_fingerprint: changes when the node does.
std::string fingerprint();

// {"prompt_tokens", "completion_tokens", "total_tokens", …_details} as OpenAI has it.
Json usage_json(const UsageTotals& totals);

// The extension field `timings`: queue, prompt and generation, tokens a second, and the effective settings.
Json timings_json(const UsageTotals& totals, const ResponseMetadata& facts);

Json effective_json(const GenerationOptions& options, std::int32_t max_tokens);

}  // namespace gptoss::api

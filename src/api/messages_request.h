// POST /v1/messages, Anthropic's wire format, read and checked.
#pragma once

#include <string>
#include <vector>

#include "api/call_memory.h"
#include "api/generation_intent.h"
#include "api/json_reader.h"
#include "api/sealed_text.h"
#include "api/text_parts.h"

namespace gptoss::api {

// What the signatures of thinking blocks are sealed for.
inline constexpr std::string_view kThinkingSeal = "messages.thinking";

// How much of the reasoning the client wants to see.
enum class ThinkingShown {
    none,     // no thinking blocks: `thinking` was not asked for
    omitted,  // blocks without text; the signature carries it
    whole,
};

struct MessagesRequest : GenerationIntent {
    ThinkingShown thinking = ThinkingShown::none;
};

struct MessagesInputOptions {
    CallMemory* memory = nullptr;      // may be null
    const SealedText* seal = nullptr;  // verifies thinking; null = none is believed
    UnseenContent unseen = UnseenContent::placeholder;
    bool needs_max_tokens = true;  // POST /v1/messages/count_tokens has none
};

// Throws Error(request_invalid) whose fact "param" names the field.
MessagesRequest read_messages_request(const Json& request, const MessagesInputOptions& options);

}  // namespace gptoss::api

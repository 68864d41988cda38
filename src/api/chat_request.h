// POST /v1/chat/completions, read and checked; nothing of a model is needed for it.
#pragma once

#include <string>
#include <string_view>

#include "api/call_memory.h"
#include "api/generation_intent.h"
#include "api/json_reader.h"
#include "harmony/message.h"

namespace gptoss::api {

struct ChatRequest : GenerationIntent {
    bool show_reasoning = true;     // reasoning.exclude and include_reasoning
    bool legacy_functions = false;  // asked with `functions`: the reply has a function_call
};

// Throws Error(request_invalid) whose fact "param" names the field. `memory` may be null.
ChatRequest read_chat_request(const Json& request, CallMemory* memory = nullptr);

// Only the conversation: what `render` and /apply-template need. With tool_choice "none" the tools are
// hidden.
harmony::Conversation conversation_from_chat_request(const Json& request, CallMemory* memory = nullptr);

// "low" | "medium" | "high", and what other servers know, clamped: none, minimal -> low; xhigh, max -> high.
harmony::Effort read_effort(const std::string& text, const std::string& path);
std::string_view to_string(harmony::Effort effort);

}  // namespace gptoss::api

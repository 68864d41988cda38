// POST /v1/chat/completions, read and checked; nothing of a model is needed for it.
#pragma once

#include <optional>
#include <string>

#include "api/call_memory.h"
#include "api/generation_options.h"
#include "api/json_reader.h"
#include "harmony/message.h"

namespace gptoss::api {

struct ToolChoice {
    enum class Mode { none, automatic, required, named };
    Mode mode = Mode::automatic;
    std::string name;  // named only
};

enum class OutputFormat { text, json_object, json_schema };

struct ChatRequest {
    std::string model;  // as the client spelled it; may be empty
    harmony::Conversation conversation;
    GenerationOptions generation;
    ToolChoice tool_choice;
    // Only when the client asks for it: gpt-oss was trained to wait for the result of each call.
    bool parallel_tool_calls = false;
    OutputFormat output_format = OutputFormat::text;
    std::optional<std::int32_t> max_reasoning_tokens;
    bool show_reasoning = true;  // reasoning.exclude and include_reasoning
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

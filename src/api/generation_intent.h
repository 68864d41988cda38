// What a wire format wants generated, free of any wire format: every endpoint reads its request into this,
// and Service::start() is the one way from here to the engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/generation_options.h"
#include "base/types.h"
#include "harmony/message.h"

namespace gptoss::api {

struct ToolChoice {
    enum class Mode { none, automatic, required, named };
    Mode mode = Mode::automatic;
    std::string name;  // named only
    // When given, only these of the tools in the prompt may be called: the prompt stays the same, and cached.
    std::optional<std::vector<std::string>> allowed;
};

enum class OutputFormat { text, json_object, json_schema };

struct GenerationIntent {
    std::string model;                   // as the client spelled it; may be empty
    harmony::Conversation conversation;  // rendered as harmony, and the reply is read as harmony ...
    std::vector<std::vector<TokenId>> raw_prompts;  // ... or, when not empty, tokens that raw text follows
    GenerationOptions generation;                   // `choices` of each prompt
    std::string_view prompt_field = "messages";     // what an error about the prompt's length names
    std::vector<std::string> ignored_fields;  // given by the client and not acted on: listed in a header
    std::vector<std::string> left_out_tools;  // types that the node cannot run: listed in a header

    // The rest is for harmony alone.
    ToolChoice tool_choice;
    // Only when the client asks for it: gpt-oss was trained to wait for the result of each call.
    bool parallel_tool_calls = false;
    OutputFormat output_format = OutputFormat::text;
    // Whether the client insists on the schema of the output. If not, what of it cannot be enforced is listed in a
    // header of the reply.
    bool strict_schema = false;
    std::string schema_field = "response_format.json_schema.schema";  // for errors
    std::optional<std::int32_t> max_reasoning_tokens;
    bool constrained = true;  // hold the model to valid harmony, where the node's settings allow it

    bool is_raw() const { return !raw_prompts.empty(); }
};

}  // namespace gptoss::api

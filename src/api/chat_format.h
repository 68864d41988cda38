// chat.completion and chat.completion.chunk.
#pragma once

#include <memory>

#include "api/reply_format.h"
#include "api/response_metadata.h"
#include "tokenizer/tokenizer.h"

namespace gptoss::api {

// Under which names the reasoning is sent: OpenRouter's and OpenAI's own test read `reasoning`, clients of
// llama-server and older vLLM read `reasoning_content`.
enum class ReasoningFields { both, reasoning, reasoning_content, none };

struct ChatFormatOptions {
    ReasoningFields reasoning = ReasoningFields::both;
    bool logprobs = false;
    bool include_usage = false;
    bool legacy_functions = false;  // one function_call without an id, in place of tool_calls
};

// `tokenizer` must outlive the format.
std::unique_ptr<ReplyFormat> make_chat_format(const Tokenizer& tokenizer, ResponseMetadata facts,
                                              ChatFormatOptions options);

}  // namespace gptoss::api

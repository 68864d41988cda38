// The `messages` of a chat-completions request -> the history harmony renders.
#pragma once

#include "api/call_memory.h"
#include "api/json_reader.h"
#include "harmony/message.h"

namespace gptoss::api {

// Fills instructions (all system and developer messages in order) and messages (history.h). `memory` may be
// null. Throws Error(request_invalid) naming the field.
void read_messages(const Json& messages, const std::string& path, CallMemory* memory,
                   harmony::Conversation& conversation);

// A message's content: text, or an array of text parts whose texts are joined. Empty when absent.
std::string read_content(const Fields& message);

}  // namespace gptoss::api

// The `input` of POST /v1/responses -> the history that harmony renders.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "api/call_memory.h"
#include "api/json_reader.h"
#include "api/responses_tools.h"
#include "api/sealed_text.h"
#include "api/text_parts.h"
#include "harmony/message.h"

namespace gptoss::api {

// What sealed texts are for: encrypted_content of reasoning, and of a compacted history.
inline constexpr std::string_view kReasoningSeal = "responses.reasoning";
inline constexpr std::string_view kCompactionSeal = "responses.compaction";

struct ResponsesInputOptions {
    CallMemory* memory = nullptr;      // may be null
    const SealedText* seal = nullptr;  // opens encrypted_content; null = nothing opens
    UnseenContent unseen = UnseenContent::placeholder;
    // A stored item by its id, for item_reference; may be empty.
    std::function<std::optional<Json>(const std::string& id)> find_item;
    bool opens_compaction = true;  // false: a compacted history is passed over
};

// Reads `items`, an array of items, behind what the conversation already has. Throws Error(request_invalid)
// naming the field ("input[3].output").
void read_responses_input(const Json& items, const ResponsesTools& tools,
                          const ResponsesInputOptions& options, harmony::Conversation& conversation);

// Whether `items` may come behind `earlier` ones in a conversation. Throws as above ("items[3].output").
void check_new_items(const Json& earlier, const Json& items);

}  // namespace gptoss::api

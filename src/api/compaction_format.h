// The reply of POST /v1/responses/compact: a history made short by the model, sealed for the client to keep.
#pragma once

#include <memory>

#include "api/reply_format.h"
#include "api/response_metadata.h"
#include "api/sealed_text.h"

namespace gptoss::api {

// What the model is asked for, as the user's last message.
inline constexpr const char* kCompactionPrompt =
    "Write a summary of this conversation for an assistant that will go on with it and sees nothing else. "
    "Say "
    "what the user wants, what was done and decided, what was found (with names, paths and values that are "
    "still needed), and what is left to do. Write the summary alone.";

std::unique_ptr<ReplyFormat> make_compaction_format(ResponseMetadata facts,
                                                    std::shared_ptr<const SealedText> seal);

}  // namespace gptoss::api

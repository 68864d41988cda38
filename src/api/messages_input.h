// The `system` and `messages` of POST /v1/messages -> the history that harmony renders.
#pragma once

#include "api/messages_request.h"
#include "harmony/message.h"

namespace gptoss::api {

// Throws Error(request_invalid) naming the field.
void read_messages_input(const Fields& request, const MessagesInputOptions& options,
                         harmony::Conversation& conversation);

}  // namespace gptoss::api

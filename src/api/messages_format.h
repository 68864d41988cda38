// The replies of POST /v1/messages, and Anthropic's shape of errors.
#pragma once

#include <memory>

#include "api/messages_request.h"
#include "api/reply_format.h"
#include "api/response_metadata.h"
#include "api/response_stream.h"

namespace gptoss::api {

struct MessagesFormatOptions {
    ThinkingShown thinking = ThinkingShown::none;
    std::shared_ptr<const SealedText> seal;  // signs thinking; null = signatures are empty
};

std::unique_ptr<ReplyFormat> make_messages_format(ResponseMetadata facts, MessagesFormatOptions options);

// {"type": "error", "error": {"type", "message"}}
Json messages_error(const Error& error);
HttpResponse messages_error_reply(const Error& error);
// An error that came in OpenAI's shape; one in Anthropic's stays as it is.
HttpResponse in_messages_shape(HttpResponse reply);

}  // namespace gptoss::api

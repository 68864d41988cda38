// How an operating error looks to a client: its HTTP status and its JSON body.
#pragma once

#include <optional>
#include <string>

#include "api/json_reader.h"
#include "api/response_stream.h"
#include "base/error.h"

namespace gptoss::api {

int http_status(ErrorCode code);

// The message for a client, in one line.
std::string message_with_hint(const Error& error);

// {"error": {"message", "type", "param", "code", ...facts}} as OpenAI's clients expect it.
Json openai_error(const Error& error);

// {"error_type", "message", "request_id", "details"}: the shape of POST /v1/inference.
Json inference_error(const Error& error, const std::string& request_id);

// The whole reply of POST /v1/inference to an error, with Retry-After where waiting helps.
HttpResponse inference_error_reply(const Error& error, const std::string& request_id);

// Seconds for the Retry-After header; nothing when trying again would not help.
std::optional<int> retry_after_s(const Error& error);

// That header on a reply to `error`, where it helps.
void add_retry_after(HttpResponse& reply, const Error& error);

}  // namespace gptoss::api

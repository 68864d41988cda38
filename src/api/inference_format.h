// The replies of POST /v1/inference: one JSON object, or server-sent events of
// {"content", "tokens", "finish_reason", "chain_id", "chain_name", "native_token"}.
#pragma once

#include <memory>

#include "api/inference_request.h"
#include "api/reply_format.h"
#include "api/response_metadata.h"

namespace gptoss::api {

std::unique_ptr<ReplyFormat> make_inference_format(ResponseMetadata facts, const InferenceRequest& request);

}  // namespace gptoss::api

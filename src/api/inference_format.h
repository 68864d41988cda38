// The replies of POST /v1/inference: one JSON object, or server-sent events of
// {"content", "tokens", "finish_reason", "chain_id", "chain_name", "native_token"}.
#pragma once

#include <memory>

#include "api/inference_request.h"
#include "api/reply_facts.h"
#include "api/reply_format.h"

namespace gptoss::api {

std::unique_ptr<ReplyFormat> make_inference_format(ReplyFacts facts, const InferenceRequest& request);

}  // namespace gptoss::api

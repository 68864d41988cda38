// The replies of POST /v1/responses: one object, or events in the order that OpenAI's clients rely on.
#pragma once

#include <memory>

#include "api/reply_format.h"
#include "api/response_metadata.h"
#include "api/responses_output.h"

namespace gptoss::api {

// `echoed`: the fields of a response that repeat the request. `tokenizer` must outlive the format.
std::unique_ptr<ReplyFormat> make_responses_format(const Tokenizer& tokenizer, ResponseMetadata facts,
                                                   Json echoed, ResponsesOutputOptions options);

}  // namespace gptoss::api

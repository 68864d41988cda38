// POST /v1/inference, the request format of the marketplace's existing nodes: field names, aliases and
// defaults are theirs, the sampling fields that they lack are accepted too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api/generation_intent.h"
#include "api/json_reader.h"

namespace gptoss::api {

// Its conversation is conversation_context, then the prompt as the user's message.
struct InferenceRequest : GenerationIntent {
    std::string request_id;  // the client's, or one of ours
    std::optional<std::uint64_t> chain_id;
    bool web_search = false;  // asked for; this node never searches and says so
};

// Throws Error(request_invalid) naming the field.
InferenceRequest read_inference_request(const Json& request);

}  // namespace gptoss::api

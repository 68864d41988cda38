// POST /v1/inference, the request format of the marketplace's existing nodes: field names, aliases and
// defaults are theirs, the sampling fields that they lack are accepted too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api/generation_options.h"
#include "api/json_reader.h"
#include "harmony/message.h"

namespace gptoss::api {

struct InferenceRequest {
    std::string model;
    harmony::Conversation conversation;  // conversation_context, then the prompt as the user's message
    GenerationOptions generation;
    std::string request_id;  // the client's, or one of ours
    std::optional<std::uint64_t> chain_id;
    bool web_search = false;  // asked for; this node never searches and says so
};

// Throws Error(request_invalid) naming the field.
InferenceRequest read_inference_request(const Json& request);

}  // namespace gptoss::api

// POST /v1/responses, read and checked.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/generation_intent.h"
#include "api/json_reader.h"
#include "api/responses_input.h"
#include "api/responses_tools.h"

namespace gptoss::api {

struct ResponsesRequest : GenerationIntent {
    ResponsesTools client_tools;
    Json input = Json::array();  // the new items, each with an id: what is stored
    Json echoed;                 // the fields of the response that repeat the request
    bool store = true;
    bool background = false;
    bool warm_up = false;          // read the prompt into the cache and say nothing (`generate` false)
    bool truncate = false;         // truncation "auto": the oldest turns go where there is no room
    bool wants_summary = false;    // reasoning.summary
    bool wants_encrypted = false;  // include: reasoning.encrypted_content
    bool wants_logprobs = false;   // include: message.output_text.logprobs
    std::string previous_response_id;
    std::string conversation_id;
};

// Everything but the history: `conversation` has instructions, tools and format, no messages. Throws
// Error(request_invalid) whose fact "param" names the field.
ResponsesRequest read_responses_request(const Json& request);

// `input` as a list of items, each with an id, messages with all fields that lists show; a string becomes the
// user's message. Throws
// Error(request_invalid).
Json read_input_items(const Fields& request);

// `metadata`, {} where it is not given, within OpenAI's limits. Throws Error(request_invalid).
Json read_metadata(const Fields& request);

}  // namespace gptoss::api

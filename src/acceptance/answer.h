// A chat answer, whole or put together from a stream, whichever OpenAI-compatible server gave it. The stream may
// also be a completion's.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "acceptance/event_stream.h"

namespace gptoss::acceptance {

using Json = nlohmann::json;

struct ToolCall {
    std::string name;
    std::string arguments;  // JSON, as the server spelled it
};

struct Answer {
    int status = 0;       // HTTP
    std::string problem;  // why there is no answer: network, status, a body that is no chat completion
    std::string body;     // the reply's bytes; of a stream only when it was refused
    std::string reasoning;
    std::string content;
    std::vector<ToolCall> tool_calls;
    std::string finish_reason;
    std::int64_t prompt_tokens = 0;  // 0 = not reported
    std::int64_t completion_tokens = 0;
    std::int64_t cached_tokens = 0;  // of the prompt's

    // Of a stream, in ms since the request was sent: when each delta with text came, and whether [DONE] did.
    std::vector<double> delta_times_ms;
    bool done_marker = false;
    double total_ms = 0;

    std::string all_text() const { return reasoning + "\n" + content; }
};

// Fills `answer` from the body of a reply that did not stream; sets `problem` when it is no chat completion.
void read_whole_answer(const std::string& body, Answer& answer);

// Takes one event of a stream; `time_ms` since the request was sent.
void read_event(const Event& event, double time_ms, Answer& answer);

// A field of any type that may be absent, null or of another type: then `otherwise`.
std::string text_at(const Json& object, const char* name, const std::string& otherwise = "");
double number_at(const Json& object, const char* name, double otherwise = 0);
// An empty object where there is none.
const Json& object_at(const Json& object, const char* name);

}  // namespace gptoss::acceptance

// One event of a stream, as a wire format means it. The transport frames it: as a server-sent event, or as a
// message of a WebSocket.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "api/json_reader.h"

namespace gptoss::api {

struct Event {
    std::string name;  // "response.created"; empty where the wire format names none
    std::string data;  // JSON in one line, or a word like "[DONE]"
};

using Events = std::vector<Event>;

inline Event unnamed_event(const Json& data) {
    return {{}, to_text(data)};
}

// The word that ends a stream of OpenAI's older endpoints.
inline Event done_event() {
    return {{}, "[DONE]"};
}

}  // namespace gptoss::api

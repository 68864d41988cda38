// How events look on an HTTP stream (text/event-stream).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/event.h"

namespace gptoss::http {

// "event: NAME\ndata: …\n\n" for each, without the first line where an event has no name. Data must be one
// line, as JSON written without indentation is.
inline std::string server_sent_events(std::span<const api::Event> events) {
    std::string text;
    for (const api::Event& event : events) {
        if (!event.name.empty()) text.append("event: ").append(event.name) += '\n';
        text.append("data: ").append(event.data) += "\n\n";
    }
    return text;
}

// The sign of life of a stream whose format has none of its own: a comment.
inline constexpr std::string_view kKeepAliveComment = ": keep-alive\n\n";

}  // namespace gptoss::http

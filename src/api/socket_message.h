// WebSocket mode of the Responses API: its messages, without the socket.
#pragma once

#include <string>
#include <string_view>

#include "api/error_reply.h"
#include "api/json_reader.h"

namespace gptoss::api {

// `{"type": "response.create", …}` -> the body of the streamed request that it is. Throws Error(request_invalid).
Json read_socket_message(std::string_view text);

// `{"type": "response.cancel"}`, whatever else is in it.
bool is_socket_cancel(std::string_view text);

// `{"type": "error", "status", "error"}`, of a reply whose body is an error in OpenAI's shape. Its code is never
// null: clients read it without asking.
std::string socket_error(const HttpResponse& reply);

}  // namespace gptoss::api

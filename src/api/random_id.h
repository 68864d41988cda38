// Names for replies and tool calls: "chatcmpl-…", "call_…".
#pragma once

#include <string>
#include <string_view>

namespace gptoss::api {

// `prefix` and 24 letters and digits (142 bits), unguessable enough to be a key of CallMemory.
std::string random_id(std::string_view prefix);

}  // namespace gptoss::api

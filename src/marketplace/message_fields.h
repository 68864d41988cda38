// What is read from a client's message, whatever its type.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/json_reader.h"

namespace gptoss::marketplace {

// A name in either spelling; numbers as their digits. Nothing when it is absent.
std::optional<std::string> name_in(const api::Json& message, const char* snake, const char* camel);

// As the client calls its request: a text or a number; else null.
api::Json id_of(const api::Json& message);

// Throws Refusal: MISSING_SESSION_ID, INVALID_PAYLOAD for one that is too long.
std::string session_id_of(const api::Json& message);

// n of "message_{n}", where the client counts.
std::optional<std::uint64_t> count_of(std::string_view associated_data);

// What says how to generate, where the request does not say it: what was encrypted counts first.
void add_options(api::Json& request, const api::Json& outside);

}  // namespace gptoss::marketplace

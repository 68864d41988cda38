// The formats of JSON schema that are enforced, as patterns of the whole text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gptoss::grammar {

// Nothing for a format that is not known.
std::optional<std::string> format_pattern(std::string_view format);

// "date, time, …" for messages.
std::string known_formats();

}  // namespace gptoss::grammar

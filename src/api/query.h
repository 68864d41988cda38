// The query of a request's target: "limit=20&order=asc".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gptoss::api {

// The value of the first field of that name, percent-decoded; nothing when it is absent.
std::optional<std::string> query_value(std::string_view query, std::string_view name);

}  // namespace gptoss::api

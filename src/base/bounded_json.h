// JSON that a host or a client made, where no request's own reader is at hand (api/json_reader.h).
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace gptoss {

// Discarded (is_discarded()) where it is no JSON, nests deeper than limits::kJsonDepth or has more than
// limits::kJsonValues values: each level and each value takes many times the byte that it is written with.
nlohmann::json parse_bounded_json(std::string_view text);

}  // namespace gptoss

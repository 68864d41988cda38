// JSON on one line, as the model was trained to read it and as masks let it be written.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace gptoss::grammar {

// As Rust's serde_json prints it, which differs from nlohmann's dump() in large and small reals. Never fails:
// bytes that are not UTF-8 become U+FFFD, what is nested deeper than 200 levels becomes null.
std::string compact_json(const nlohmann::ordered_json& value);

}  // namespace gptoss::grammar

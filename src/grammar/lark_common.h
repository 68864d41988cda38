// The terminals that a Lark grammar may import from "common", as patterns of our own for the same texts.
#pragma once

#include <optional>
#include <string_view>

namespace gptoss::grammar {

// Nothing for a name that "common" does not have.
std::optional<std::string_view> lark_common(std::string_view name);

}  // namespace gptoss::grammar

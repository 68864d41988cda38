// Whether two texts are the same JSON: what a client's library makes of a text when it reads and writes it.
#pragma once

#include <string_view>

namespace gptoss::api {

// Equal values: the order of keys, white space, escapes and the spelling of numbers (1.0, 1, 10e-1) do not
// matter; every digit of a number does. False when one of them is no JSON and the bytes differ.
bool equal_json(std::string_view a, std::string_view b);

// Nothing but JSON's white space.
bool is_blank_json(std::string_view text);

}  // namespace gptoss::api

// JSON numbers between two bounds, as an automaton over their digits. Numbers are written plainly there,
// without an exponent, because digits can then be compared with the bound as they come.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "grammar/byte_dfa.h"

namespace gptoss::grammar {

struct NumberRange {
    bool integers_only = false;
    std::optional<std::string> least, most;  // decimal, without an exponent: "-12.5"
    bool least_exclusive = false, most_exclusive = false;
};

// `value` as NumberRange takes it.
std::string decimal_text(const nlohmann::ordered_json& value);

// Without bounds the automaton takes exponents, too. At most 19 digits before the point and 18 behind it: a
// model that runs away in digits would otherwise never come to an end. start() is kDead when no number fits.
ByteDfa number_automaton(const NumberRange& range);

}  // namespace gptoss::grammar

// JSON numbers between two bounds, as an automaton over their digits.
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

// `value` as NumberRange takes it: the shortest decimal that is read as the same double.
std::string decimal_text(const nlohmann::ordered_json& value);

// Integers are written in digits alone, other numbers with a fraction and an exponent or without. Digits are
// bounded, because a model that runs away in them would otherwise never come to an end: limits::kNumberDigits
// before the point and behind it, three in an exponent. Beside bounds other than 0, at most 40 behind the
// point, and an exponent only behind up to three digits or behind one digit and a fraction. start() is kDead
// when no number fits. Throws BudgetExceeded.
ByteDfa number_automaton(const NumberRange& range, Budget& budget);

}  // namespace gptoss::grammar

// A long text of small talk with one fact in it, and the question after the fact: does attention reach every depth?
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace gptoss::qualify {

// Where the fact stands: 0 = the text's begin, 1 = its end.
inline constexpr std::array<double, 6> kNeedleDepths = {0, 0.2, 0.4, 0.6, 0.8, 1};

// One sentence of the text; a text's length is given as a number of them.
std::string filler_sentence(std::size_t number);

struct Needle {
    std::string question;  // the text, then what is asked
    std::string answer;    // what a reply that found the fact holds
};
// Each depth has a fact of its own.
Needle make_needle(std::size_t sentences, double depth);

// Whether a reply contains it: its digits in a row, whatever stands between them ("4 711", "4,711").
bool tells(std::string_view reply, std::string_view answer);

}  // namespace gptoss::qualify

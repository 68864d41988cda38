// Is this what a healthy model writes? Finds the marks of a wrong template, of wrong weights and of broken
// bytes.
#pragma once

#include <string>
#include <string_view>

namespace gptoss::acceptance {

// Each says what is wrong, or nothing.

// Harmony's markers, or a channel's name stuck to the text where a marker was cut off: "analysisThe user
// asks".
std::string find_marker(std::string_view text);

// Bytes that are not UTF-8, U+FFFD, control characters, words without end.
std::string find_garbage(std::string_view text);

// The same words over and over: "the the the", or a phrase many times in a row.
std::string find_repetition(std::string_view text);

// Does `text` say `word` by itself, in any case? "4" is in "2+2 = 4." but not in "84532".
bool says_word(std::string_view text, std::string_view word);

}  // namespace gptoss::acceptance

// The order in which s5.js writes the names of a directory: JavaScript's localeCompare, which is the collation of
// Unicode's root locale, through ICU. A reader takes any order; the same bytes as s5.js need this one.
#pragma once

#include <string_view>

namespace gptoss::provenance::s5 {

// True when `left` comes before `right`. UTF-8.
bool name_comes_before(std::string_view left, std::string_view right);

}  // namespace gptoss::provenance::s5

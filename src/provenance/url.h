// Names in URLs.
#pragma once

#include <string>
#include <string_view>

namespace gptoss::provenance {

// One segment of a path: every byte but RFC 3986's unreserved ones as %XX, the slash too.
std::string encoded_segment(std::string_view segment);

// A path of several segments: slashes stay.
std::string encoded_path(std::string_view path);

}  // namespace gptoss::provenance

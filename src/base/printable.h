// Texts that came from outside, where people read them: in logs and on a terminal.
#pragma once

#include <string>
#include <string_view>

namespace gptoss {

// Control characters as \x1b, since a terminal would obey them; line ends stay, and what follows one is
// indented, so that nothing passes for a line of the log's own. Bytes that are no UTF-8 stay as they are.
std::string printable(std::string_view text);

}  // namespace gptoss

// Where a user's programs keep what they remember between runs.
#pragma once

#include <filesystem>
#include <string_view>

namespace gptoss {

// gpt-oss-node/NAME in $XDG_STATE_HOME or ~/.local/state; empty where there is no home. Makes no folder.
std::filesystem::path state_file(std::string_view name);

}  // namespace gptoss

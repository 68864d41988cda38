#include "base/state_file.h"

#include <cstdlib>

namespace gptoss {

std::filesystem::path state_file(std::string_view name) {
    const char* state = std::getenv("XDG_STATE_HOME");
    if (state != nullptr && *state == '/') return std::filesystem::path(state) / "gpt-oss-node" / name;
    const char* home = std::getenv("HOME");
    if (home == nullptr || *home != '/') return {};
    return std::filesystem::path(home) / ".local/state/gpt-oss-node" / name;
}

}  // namespace gptoss

// Keeps the process's memory to itself when it holds secrets.
#pragma once

#include "node/settings.h"

namespace gptoss::node {

// When any secret is set: no core dumps, and neither ptrace nor /proc/PID/{mem,environ} for other processes
// of the same user. Without secrets nothing changes: debuggers work.
void protect_secrets(const Settings& settings);

}  // namespace gptoss::node

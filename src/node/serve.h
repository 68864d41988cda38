// The node's life: listen, load, serve, drain.
#pragma once

#include <vector>

#include "node/device.h"
#include "node/reload.h"
#include "node/settings_loader.h"

namespace gptoss::node {

// `read_settings` reads them again, for SIGHUP and the operators' port; may be empty.
// Returns when a SIGTERM or SIGINT has been obeyed: 0, or 1 when answers had to be cut off. Throws Error when
// it cannot listen or load. Must be called before other threads exist: it takes over those signals.
int serve(const Settings& settings, const std::vector<Device>& devices,
          const Reload::ReadSettings& read_settings = {});

}  // namespace gptoss::node

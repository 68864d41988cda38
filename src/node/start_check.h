// What would keep a node from starting, found in a moment: nothing is loaded and no memory is claimed.
#pragma once

#include <filesystem>
#include <vector>

#include "base/error.h"
#include "node/device.h"
#include "node/settings.h"

namespace gptoss::node {

// Every problem, in the order a start would meet them: a model that is missing, in part or whole, or damaged
// (file_not_found, part_missing, file_corrupt, ...), a GPU asked of a build without one (setting_invalid). Empty = none.
std::vector<Error> problems_before_start(const Settings& settings, const std::vector<Device>& devices);

// How to get the model that should be at `path`: the download command for a file of a known release, for others
// where to set the path.
std::string how_to_get(const std::filesystem::path& path);

// Throws Error(setting_invalid) where the settings ask for a GPU and this build has no device for one.
void require_gpu_where_asked(const Settings& settings, const std::vector<Device>& devices);

}  // namespace gptoss::node

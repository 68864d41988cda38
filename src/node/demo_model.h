// Where the model in the box is.
#pragma once

#include <filesystem>

namespace gptoss::node {

// The first part of the demo model: in the folder that DEMO_MODEL_PATH names, else in share/gpt-oss-node/demo of an installation, in models/demo of a source
// tree that the executable or the current folder lies in. Throws Error(file_not_found).
std::filesystem::path find_demo_model();

}  // namespace gptoss::node

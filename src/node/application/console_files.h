// The console's files and docs/openapi.json, built into the program: a node needs nothing beside its binary
// to show them.
#pragma once

#include <span>

#include "http/static_files.h"

namespace gptoss::node {

// What web/dist held when the program was built, and /openapi.json (cmake/embed_console.cmake writes the
// definition).
std::span<const http::StaticFile> console_files();

}  // namespace gptoss::node

// The console's files and docs/openapi.json, built into the program: a node needs nothing beside its binary
// to show them.
#pragma once

#include <span>
#include <string_view>

#include "server/router.h"

namespace gptoss::server {

struct StaticFile {
    std::string_view path;   // "/assets/index-B2x9.js"
    std::string_view bytes;  // gzip when `compressed`
    bool compressed = false;
};

// What web/dist held when the program was built, and /openapi.json (cmake/embed_console.cmake writes the
// definition).
std::span<const StaticFile> console_files();

// "text/javascript; charset=utf-8" for "x.js"; "application/octet-stream" for what is not known.
std::string_view content_type_of(std::string_view path);

// GET /, GET /assets/… and GET /openapi.json, open to all: keys protect what the console asks for, not the
// page that asks.
void add_static_routes(Router& router, std::span<const StaticFile> files);

}  // namespace gptoss::server

// Files that are built into the program, served with what a browser needs to know of them.
#pragma once

#include <span>
#include <string_view>

#include "http/router.h"

namespace gptoss::http {

struct StaticFile {
    std::string_view path;   // "/assets/index-B2x9.js"
    std::string_view bytes;  // gzip when `compressed`
    bool compressed = false;
};

// "text/javascript; charset=utf-8" for "x.js"; "application/octet-stream" for what is not known.
std::string_view content_type_of(std::string_view path);

// A GET route for each file ("/" for /index.html), open to all: keys protect what a page asks for, not the
// page.
void add_static_routes(Router& router, std::span<const StaticFile> files);

}  // namespace gptoss::http

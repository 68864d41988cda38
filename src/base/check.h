// Programmer errors abort, in every build: a broken invariant in an engine that serves others must not go on.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>

namespace gptoss {

inline void check(bool condition, const char* why,
                  std::source_location where = std::source_location::current()) {
    if (condition) [[likely]]
        return;
    std::fprintf(stderr, "%s:%u: %s: invariant broken: %s\n", where.file_name(),
                 static_cast<unsigned>(where.line()), where.function_name(), why);
    std::abort();
}

}  // namespace gptoss

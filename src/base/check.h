// Programmer errors abort, in every build: a broken invariant in an engine that serves others must not go on.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace gptoss {

// The built-ins are what std::source_location is made of; clang 14, which fuzzes, has them but not the class.
inline void check(bool condition, const char* why, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) {
    if (condition) [[likely]]
        return;
    std::fprintf(stderr, "%s:%d: %s: invariant broken: %s\n", file, line, function, why);
    std::abort();
}

}  // namespace gptoss

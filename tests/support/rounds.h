// How many random cases a test runs.
#pragma once

#include <cstdlib>
#include <string_view>

namespace gptoss::test {

/// GPTOSS_SANITIZE is CMake's option, since GCC and Clang tell a program in ways of their own.
inline constexpr std::string_view kSanitizers = GPTOSS_SANITIZE;
inline constexpr bool kSanitized = !kSanitizers.empty();
inline constexpr bool kThreadSanitized = kSanitizers == "thread";

/// All `count` of them; a twentieth under a sanitizer, where a case takes ten to forty times as long and one of
/// each kind shows a wrong access or a race. What only many cases show, a wrong result, the plain build looks
/// for.
constexpr int rounds(int count) {
    return kSanitized ? (count + 19) / 20 : count;
}

/// `few` of them; `many` in ./test long, which sets GPTOSS_LONG; as many as GPTOSS_ROUNDS says, where time is short.
inline int long_rounds(int few, int many) {
    if (const char* given = std::getenv("GPTOSS_ROUNDS")) return std::atoi(given);
    return std::getenv("GPTOSS_LONG") != nullptr ? many : rounds(few);
}

}  // namespace gptoss::test

// How many random cases a test runs.
#pragma once

namespace gptoss::test {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitized = true;
#else
inline constexpr bool kThreadSanitized = false;
#endif
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = kThreadSanitized;
#endif

/// All `count` of them; a tenth under a sanitizer, where a case takes ten to forty times as long and one of
/// each kind shows a wrong access or a race. What only many cases show, a wrong result, the plain build looks
/// for.
constexpr int rounds(int count) {
    return kSanitized ? (count + 9) / 10 : count;
}

}  // namespace gptoss::test

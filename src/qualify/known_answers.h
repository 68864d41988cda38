// Fixed questions, and what is known of the greedy answers to them.
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace gptoss::qualify {

inline constexpr std::array<std::string_view, 6> kQuestions = {
    "What is the capital of France?", "What is 2+2?",       "Count to 5.",
    "What is the capital of Japan?",  "What is 7 times 6?", "Name three colours."};

// First 16 hexadecimal digits of the SHA-256 of reasoning, newline, content, one a question. Empty for weights
// that nothing is known of. The demo model's are the same
// with every kernel set of the CPU.
std::span<const std::string_view> known_digests(std::string_view composite_sha256);

}  // namespace gptoss::qualify

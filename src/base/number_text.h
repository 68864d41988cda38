// Numbers that come as text.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace gptoss {

// The number that the whole text spells. Nothing for an empty text, for one with anything before or behind the
// number (a space, a '+'), and for a number that the type cannot hold.
template <typename Number>
std::optional<Number> number_of(std::string_view text) {
    Number number{};
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

}  // namespace gptoss

// JSON schema -> the TypeScript-like type that gpt-oss was trained to read, byte for byte as the harmony
// library prints it, odd corners included (openai/harmony src/encoding.rs; the rules are listed in
// docs/harmony.md).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace gptoss::harmony {

// Never fails: what it does not know becomes `any`.
std::string typescript_type(const nlohmann::ordered_json& schema);

// Calls `visit` for each line as Rust's str::lines() splits: "\r\n" counts as "\n", no empty last line.
template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
    while (!text.empty()) {
        const auto newline = text.find('\n');
        std::string_view line = text.substr(0, newline);
        if (newline != std::string_view::npos && line.ends_with('\r')) line.remove_suffix(1);
        visit(line);
        text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    }
}

}  // namespace gptoss::harmony

#include "grammar/object_keys.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "grammar/compact_json.h"
#include "grammar/string_lexer.h"

namespace gptoss::grammar {

std::optional<ByteDfa> keys_except(const std::vector<std::string>& names) {
    std::vector<std::string> sorted;  // as they are written, without the opening quote
    for (const auto& name : names) sorted.push_back(compact_json(nlohmann::ordered_json(name)).substr(1));
    std::sort(sorted.begin(), sorted.end());
    // The listed names that begin with what was read, and the lexer's state; begin == end: it is none of
    // them.
    struct Key {
        std::size_t begin, end, length;
        string_lexer::State lexer;
        auto operator<=>(const Key&) const = default;
    };
    const auto byte_at = [&](std::size_t name, std::size_t at) {
        return static_cast<int>(static_cast<unsigned char>(sorted[name][at]));
    };
    return ByteDfa::build(
        Key{0, sorted.size(), 0, string_lexer::kText},
        [&](Key key, std::uint8_t byte) -> std::optional<Key> {
            const bool may_be_listed = key.begin < key.end;
            const bool in_escape = key.lexer >= string_lexer::kEscape && key.lexer <= string_lexer::kLow1;
            key.lexer = string_lexer::next(key.lexer, byte);
            if (key.lexer == string_lexer::kDead) return std::nullopt;
            if (!may_be_listed) return key;
            while (key.begin < key.end && byte_at(key.begin, key.length) < byte) ++key.begin;
            while (key.begin < key.end && byte_at(key.end - 1, key.length) > byte) --key.end;
            const bool still = key.begin < key.end;
            if (still && key.lexer == string_lexer::kClosed) return std::nullopt;  // it is one of them
            if (!still && (byte == '\\' || in_escape)) return std::nullopt;
            key = still ? Key{key.begin, key.end, key.length + 1, key.lexer} : Key{0, 0, 0, key.lexer};
            return key;
        },
        [](const Key& key) { return key.lexer == string_lexer::kClosed; });
}

}  // namespace gptoss::grammar

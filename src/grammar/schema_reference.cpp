#include "grammar/schema_reference.h"

namespace gptoss::grammar {
namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool escaped = text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
                             hex_value(text[i + 2]) >= 0;
        if (!escaped) {
            out += text[i];
            continue;
        }
        out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
        i += 2;
    }
    return out;
}

// "~1" is "/", "~0" is "~".
std::string unescaped(std::string_view token) {
    std::string out;
    for (std::size_t i = 0; i < token.size(); ++i) {
        const bool escaped =
            token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1');
        out += !escaped ? token[i] : token[++i] == '0' ? '~' : '/';
    }
    return out;
}

std::optional<std::size_t> index_of(const std::string& token) {
    if (token.empty() || token.size() > 9 || (token.size() > 1 && token[0] == '0')) return std::nullopt;
    if (token.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    return std::stoul(token);
}

}  // namespace

const SchemaReferences::Json* SchemaReferences::find(std::string_view reference) {
    if (!reference.starts_with('#')) return nullptr;
    const std::string pointer = percent_decoded(reference.substr(1));
    if (!pointer.empty() && pointer.front() != '/') return nullptr;
    const Json* at = &root_;
    for (std::size_t begin = 1; begin <= pointer.size() && at;) {
        const std::size_t end = std::min(pointer.find('/', begin), pointer.size());
        const std::string token = unescaped(std::string_view(pointer).substr(begin, end - begin));
        if (at->is_object()) {
            at = member(*at, token);
        } else {
            const auto index = at->is_array() ? index_of(token) : std::nullopt;
            at = index && *index < at->size() ? &(*at)[*index] : nullptr;
        }
        begin = end + 1;
    }
    return at;
}

const SchemaReferences::Json* SchemaReferences::member(const Json& object, const std::string& name) {
    constexpr std::size_t kFewMembers = 16;
    if (object.size() <= kFewMembers) {
        const auto found = object.find(name);
        return found == object.end() ? nullptr : &*found;
    }
    const auto [known, added] = members_.try_emplace(&object);
    if (added)
        for (auto entry = object.begin(); entry != object.end(); ++entry)
            known->second.try_emplace(entry.key(), &*entry);
    const auto found = known->second.find(name);
    return found == known->second.end() ? nullptr : found->second;
}

}  // namespace gptoss::grammar

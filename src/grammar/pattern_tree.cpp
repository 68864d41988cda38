#include "grammar/pattern_tree.h"

#include <algorithm>

namespace gptoss::grammar {
namespace {

constexpr std::uint32_t kDeepestPattern = 1000;

Pattern made(PatternNode node) {
    for (const Pattern& part : node.parts) node.depth = std::max(node.depth, part->depth + 1);
    if (node.depth > kDeepestPattern) throw BudgetExceeded("its parts are nested too deeply");
    return std::make_shared<const PatternNode>(std::move(node));
}

bool is_nothing(const Pattern& pattern) {
    return pattern->kind == PatternNode::Kind::sequence && pattern->parts.empty();
}

std::uint32_t product(std::uint32_t a, std::uint32_t b) {
    if (a == 0 || b == 0) return 0;
    if (a == kEndless || b == kEndless) return kEndless;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(std::uint64_t{a} * b, kEndless - 1));
}

}  // namespace

CharacterRanges normalized(CharacterRanges ranges) {
    std::sort(ranges.begin(), ranges.end(),
              [](CharacterRange a, CharacterRange b) { return a.first < b.first; });
    CharacterRanges merged;
    for (const CharacterRange& range : ranges) {
        if (!merged.empty() && range.first <= merged.back().last + 1)
            merged.back().last = std::max(merged.back().last, range.last);
        else
            merged.push_back(range);
    }
    return merged;
}

CharacterRanges complement(CharacterRanges ranges) {
    CharacterRanges rest;
    char32_t next = 0;
    for (const CharacterRange& range : normalized(std::move(ranges))) {
        if (range.first > next) rest.push_back({next, range.first - 1});
        next = range.last + 1;
    }
    if (next <= kLastCharacter) rest.push_back({next, kLastCharacter});
    return rest;
}

CharacterRanges with_both_cases(CharacterRanges ranges) {
    CharacterRanges both = ranges;
    const auto add = [&](char32_t first, char32_t last, bool to_upper) {
        for (const CharacterRange& range : ranges) {
            const char32_t from = std::max(range.first, first), to = std::min(range.last, last);
            if (from > to) continue;
            const char32_t shift = 'a' - 'A';
            both.push_back(to_upper ? CharacterRange{from - shift, to - shift}
                                    : CharacterRange{from + shift, to + shift});
        }
    };
    add('a', 'z', true);
    add('A', 'Z', false);
    return normalized(std::move(both));
}

Pattern characters(CharacterRanges ranges) {
    PatternNode node;
    node.kind = PatternNode::Kind::characters;
    node.characters = std::make_shared<const CharacterRanges>(normalized(std::move(ranges)));
    return made(std::move(node));
}

Pattern sequence(std::vector<Pattern> parts) {
    std::erase_if(parts, is_nothing);
    if (parts.size() == 1) return std::move(parts.front());
    PatternNode node;
    node.parts = std::move(parts);
    return made(std::move(node));
}

Pattern choice(std::vector<Pattern> parts) {
    if (parts.size() == 1) return std::move(parts.front());
    if (!parts.empty() && std::all_of(parts.begin(), parts.end(), is_nothing)) return nothing();
    PatternNode node;
    node.kind = PatternNode::Kind::choice;
    node.parts = std::move(parts);
    return made(std::move(node));
}

Pattern repeat(Pattern part, std::uint32_t least, std::uint32_t most) {
    if (is_nothing(part) || most == 0) return nothing();
    if (least == 1 && most == 1) return part;
    // (p{0,m}){a,b} is p{0,mb}; (p{1,m}){a,b} is p{a,mb}.
    if (part->kind == PatternNode::Kind::repeat && part->least <= 1) {
        least = part->least == 0 ? 0 : least;
        most = product(part->most, most);
        part = part->parts.front();
    }
    PatternNode node;
    node.kind = PatternNode::Kind::repeat;
    node.parts.push_back(std::move(part));
    node.least = least;
    node.most = most;
    return made(std::move(node));
}

Pattern literal_text(std::u32string_view text, bool ignore_case) {
    std::vector<Pattern> parts;
    for (const char32_t c : text) {
        CharacterRanges one{{c, c}};
        parts.push_back(characters(ignore_case ? with_both_cases(std::move(one)) : std::move(one)));
    }
    return sequence(std::move(parts));
}

std::u32string decode_utf8(std::string_view text) {
    std::u32string out;
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        const std::size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        if (length == 0 || lead > 0xF4 || i + length > text.size())
            throw PatternError("it is not valid UTF-8");
        char32_t value = length == 1 ? lead : lead & (0xFFU >> (length + 1));
        for (std::size_t k = 1; k < length; ++k) {
            const auto next = static_cast<unsigned char>(text[i + k]);
            if ((next & 0xC0) != 0x80) throw PatternError("it is not valid UTF-8");
            value = value << 6 | (next & 0x3F);
        }
        const bool too_short = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
        if (too_short || value > kLastCharacter || (value >= 0xD800 && value < 0xE000))
            throw PatternError("it is not valid UTF-8");
        out += value;
        i += length;
    }
    return out;
}

}  // namespace gptoss::grammar

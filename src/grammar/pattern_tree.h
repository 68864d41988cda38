// What a pattern says, as a tree whose parts may be shared. Depth is bounded, so walking it may recurse.
#pragma once

#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "grammar/regular_expression.h"

namespace gptoss::grammar {

inline constexpr char32_t kLastCharacter = 0x10FFFF;
inline constexpr std::uint32_t kEndless = std::numeric_limits<std::uint32_t>::max();  // of repetitions

struct PatternNode;
using Pattern = std::shared_ptr<const PatternNode>;

struct PatternNode {
    enum class Kind { characters, sequence, choice, repeat };

    Kind kind = Kind::sequence;
    std::shared_ptr<const CharacterRanges> characters;  // sorted, apart from each other
    std::vector<Pattern> parts;
    std::uint32_t least = 1, most = 1;  // repeat: how often, kEndless = without end
    std::uint32_t depth = 1;
};

// Each throws BudgetExceeded when the tree grows too deep. Repetitions of repetitions are made into one where
// the texts are the same.
Pattern characters(CharacterRanges ranges);
Pattern sequence(std::vector<Pattern> parts);
Pattern choice(std::vector<Pattern> parts);
Pattern repeat(Pattern part, std::uint32_t least, std::uint32_t most);
Pattern literal_text(std::u32string_view text, bool ignore_case);
inline Pattern nothing() {
    return sequence({});
}

CharacterRanges normalized(CharacterRanges ranges);
CharacterRanges complement(CharacterRanges ranges);
CharacterRanges with_both_cases(CharacterRanges ranges);  // of the letters a to z

// UTF-8 -> code points. Throws PatternError.
std::u32string decode_utf8(std::string_view text);

// Throws PatternError and BudgetExceeded.
Pattern parse_pattern_tree(std::string_view pattern, const PatternOptions& options);

// Throws PatternError and BudgetExceeded.
CharacterNfa to_nfa(const Pattern& pattern, Budget& budget);

}  // namespace gptoss::grammar

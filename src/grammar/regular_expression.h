// Regular expressions as automata: the pattern language of JSON schema (ECMA 262), as far as it is regular
// and common, and that of custom tools' grammars. What is supported is listed in docs/grammar.md.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/byte_dfa.h"

namespace gptoss::grammar {

// What is wrong with a pattern, in words that go into a message to the client.
struct PatternError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// It is a pattern, but not one that can be held.
struct UnsupportedPattern : PatternError {
    using PatternError::PatternError;
};

struct CharacterRange {
    char32_t first, last;
};
using CharacterRanges = std::vector<CharacterRange>;

// A nondeterministic automaton over code points.
struct CharacterNfa {
    struct Edge {
        std::shared_ptr<const CharacterRanges> on;
        std::uint32_t to;
    };
    struct State {
        std::vector<Edge> edges;
        std::vector<std::uint32_t> empty;  // states reached without reading
    };

    std::vector<State> states;
    std::uint32_t start = 0;
    std::uint32_t end = 0;
};

struct LengthRange {
    std::uint32_t least = 0;
    std::uint32_t most = std::numeric_limits<std::uint32_t>::max();
    bool is_limited() const { return least > 0 || most != std::numeric_limits<std::uint32_t>::max(); }
};

struct PatternOptions {
    bool whole = false;  // the pattern describes the text as a whole; otherwise it is found somewhere in it
                         // (anchors ^ and $ tie it to the ends)
    bool ignore_case = false;             // of the letters a to z
    bool dot_is_anything = false;         // "." stands for line ends, too
    bool dot_is_all_but_newline = false;  // as Rust and Python have it; ECMA 262 leaves out four line ends
    bool skip_blanks = false;             // blanks and comments (#) in the pattern mean nothing
};

// All throw PatternError, and BudgetExceeded when it takes more than `budget` or a limit of patterns holds.

// The texts that `pattern` describes.
CharacterNfa parse_pattern(std::string_view pattern, const PatternOptions& options, Budget& budget);

// Those of its texts that have a length in the range.
CharacterNfa with_length(const CharacterNfa& nfa, LengthRange length, Budget& budget);

enum class Spelling {
    plain,        // UTF-8
    json_string,  // with JSON's escapes, up to and including the closing quote
};
ByteDfa to_bytes(const CharacterNfa& nfa, Spelling spelling, Budget& budget);

// A pattern of our own, as a whole: numbers, formats.
ByteDfa whole_pattern(std::string_view pattern, Spelling spelling, Budget& budget);

}  // namespace gptoss::grammar

// The pattern language of JSON schema (ECMA 262), as far as it is regular and common, to automata. The
// supported subset is listed in docs/grammar.md.
#pragma once

#include <cstdint>
#include <limits>
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

// A nondeterministic automaton over code points.
struct CharacterNfa {
    struct Range {
        char32_t first, last;
    };
    struct Edge {
        std::vector<Range> on;
        std::uint32_t to;
    };
    struct State {
        std::vector<Edge> edges;
        std::vector<std::uint32_t> empty;  // states reached without reading
    };
    static constexpr std::size_t kMostStates = 20000;

    std::vector<State> states;
    std::uint32_t start = 0;
    std::uint32_t end = 0;
};

struct LengthRange {
    std::uint32_t least = 0;
    std::uint32_t most = std::numeric_limits<std::uint32_t>::max();
    bool is_limited() const { return least > 0 || most != std::numeric_limits<std::uint32_t>::max(); }
};

// The texts in which `pattern` is found somewhere (anchors ^ and $ tie it to the ends). Throws PatternError.
CharacterNfa parse_pattern(std::string_view pattern);

// The texts that `pattern` describes as a whole.
CharacterNfa parse_whole_pattern(std::string_view pattern);

// Those of its texts that have a length in the range. Throws PatternError when that takes too many states.
CharacterNfa with_length(const CharacterNfa& nfa, LengthRange length);

enum class Spelling {
    plain,        // UTF-8
    json_string,  // with JSON's escapes, up to and including the closing quote
};
ByteDfa to_bytes(const CharacterNfa& nfa, Spelling spelling);  // throws PatternError

}  // namespace gptoss::grammar

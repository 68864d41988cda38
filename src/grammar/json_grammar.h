// A grammar of JSON texts over bytes: states with a stack for what recurs. Several ways of reading may be
// open at the same time (anyOf), so progress is a set of stacks.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "grammar/byte_dfa.h"
#include "grammar/string_lexer.h"

namespace gptoss::grammar {

using GrammarState = std::uint32_t;

class JsonGrammar {
  public:
    static constexpr std::uint32_t kNoLimit = std::numeric_limits<std::uint32_t>::max();
    static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

    struct ByteEdge {
        std::uint8_t first, last;
        GrammarState to;
    };
    // A rule is read from `rule` to an ending state, then reading goes on at `back`. With more than `deepest`
    // rules open it is not entered.
    struct Call {
        GrammarState rule, back;
        std::uint32_t deepest;
    };
    struct State {
        std::vector<ByteEdge> bytes;
        std::vector<GrammarState> empty;  // reached without reading
        std::vector<Call> calls;
        bool ends_rule = false;
        // A leaf: reads what its automaton reads, then goes on at `next`.
        std::uint32_t leaf = kNone;
        // A string behind its opening quote: that many characters and the closing quote, then `next`.
        bool is_string = false;
        std::uint32_t least_characters = 0, most_characters = kNoLimit;
        GrammarState next = 0;
    };

    // Where a stack stands in one rule. `inner` is the state of the leaf or of the string's lexer.
    struct Frame {
        GrammarState state = 0;
        std::uint32_t inner = 0;
        std::uint32_t characters = 0;  // read of a string; only as many as its limits need to know
        auto operator<=>(const Frame&) const = default;
    };
    using Stack = std::vector<Frame>;     // empty: the text is complete
    using Progress = std::vector<Stack>;  // sorted, no two equal; empty: what was read is not in the grammar

    std::vector<State> states;
    std::vector<std::shared_ptr<const ByteDfa>> leaves;
    GrammarState start = 0;

    GrammarState add_state() {
        states.emplace_back();
        return static_cast<GrammarState>(states.size() - 1);
    }

    Progress begin() const;
    Progress step(const Progress& progress, std::uint8_t byte) const;
    Progress step(Progress progress, std::string_view bytes) const;
    static bool is_complete(const Progress& progress) {
        return !progress.empty() && progress.front().empty();
    }

    // Drops every way that leads nowhere. False when nothing at all can be said.
    bool trim();
    // True when some rule enters itself before it has read anything: reading would never get under way.
    bool has_empty_recursion() const;

    // For callers that read the leaf or string on top of `stack` themselves: where it goes on behind it.
    Progress behind(const Stack& stack) const;

  private:
    void close(Stack stack, Progress& out) const;  // follows everything that reads nothing
    void close_behind(Stack stack, Progress& out) const;
    static void sort(Progress& progress);
};

}  // namespace gptoss::grammar

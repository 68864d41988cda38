// A grammar over bytes: states with rules that refer to one another. How it is read is in progress.h, what
// it is put together from in grammar_builder.h.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "grammar/byte_dfa.h"
#include "grammar/literal_trie.h"

namespace gptoss::grammar {

using GrammarState = std::uint32_t;

class Grammar {
  public:
    static constexpr std::uint32_t kNoLimit = std::numeric_limits<std::uint32_t>::max();
    static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

    struct ByteEdge {
        std::uint8_t first, last;
        GrammarState to;
    };
    // A rule is read from `rule` to an ending state, then reading goes on at `return_state`. With more than
    // `max_depth` rules open it is not entered.
    struct RuleRef {
        GrammarState rule, return_state;
        std::uint32_t max_depth;
    };
    // What a state reads as a whole before it goes on.
    enum class Terminal : std::uint8_t {
        none,
        dfa,       // a text of dfas[index]
        string,    // a JSON string behind its opening quote, with `least` to `most` characters
        literal,   // a text of literals[index] whose number is from `least` to `most`
        other_key  // a JSON string behind its opening quote that is none of literals[index]
    };
    struct State {
        std::vector<ByteEdge> bytes;
        std::vector<GrammarState> empty;  // reached without reading
        std::vector<RuleRef> rules;
        bool ends_rule = false;
        Terminal terminal = Terminal::none;
        std::uint32_t index = 0;
        std::uint32_t least = 0, most = kNoLimit;
        GrammarState next = 0;  // behind the terminal; of literals, where Literals::behind is empty
    };
    struct Literals {
        LiteralTrie trie;
        std::vector<GrammarState> behind;   // of each text; empty = State::next of all
        std::vector<GrammarState> readers;  // the states that read these texts, where `behind` is not empty
    };

    std::vector<State> states;
    std::vector<std::shared_ptr<const ByteDfa>> dfas;
    std::vector<Literals> literals;
    GrammarState start = 0;

    // The place inside a terminal. dfa: its state; string: the lexer's state, and the characters read (only
    // as many as its limits need to know); literal: the trie's node; other_key: the lexer's state, and the
    // trie's node (kNone: it is none of the names any more).
    struct Reading {
        std::uint32_t inner = 0;
        std::uint32_t count = 0;
        bool operator==(const Reading&) const = default;
    };
    std::optional<Reading> begin(const State& terminal) const;  // nothing: it reads no text at all
    std::optional<Reading> read(const State& terminal, Reading at, std::uint8_t byte) const;
    bool can_continue(const State& terminal, Reading at) const;  // some byte may follow
    // Where reading goes on when the terminal may be left here.
    std::optional<GrammarState> continuation(const State& terminal, Reading at) const;

    // Drops every way that leads nowhere. False when nothing at all can be said.
    bool trim();
    // True when some rule enters itself before it has read anything: reading would never get under way.
    bool has_left_recursion() const;

  private:
    std::optional<Reading> read_string(const State& terminal, Reading at, std::uint8_t byte) const;
    std::optional<Reading> read_other_key(const State& terminal, Reading at, std::uint8_t byte) const;
    bool can_be_read(const State& terminal) const;
    // The states from which a rule's end is reached by ways that `visit_targets` visits, by references and, if
    // `by_names`, by literals that know what is behind each text.
    template <class VisitTargets>
    std::vector<bool> states_that_end(VisitTargets visit_targets, bool by_names) const;
};

}  // namespace gptoss::grammar

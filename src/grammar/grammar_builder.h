// The pieces that JSON grammars are put together from.
#pragma once

#include <string_view>

#include "grammar/json_grammar.h"
#include "grammar/regular_expression.h"

namespace gptoss::grammar {

class GrammarBuilder {
  public:
    GrammarBuilder();

    JsonGrammar grammar;

    GrammarState add_state() { return grammar.add_state(); }
    GrammarState add_rule_end();
    std::uint32_t add_leaf(ByteDfa dfa);

    // Each adds a way from one state to another.
    void connect(GrammarState from, GrammarState to) { grammar.states[from].empty.push_back(to); }
    void byte(GrammarState from, char c, GrammarState to);
    void leaf(GrammarState from, std::uint32_t which, GrammarState to);
    void string(GrammarState from, LengthRange length, GrammarState to);
    void text(GrammarState from, std::string_view bytes, GrammarState to);
    void blank(GrammarState from, GrammarState to) { leaf(from, white_space_, to); }
    void call(GrammarState from, GrammarState rule, GrammarState back, std::uint32_t deepest);

    // The same to a new state, which is returned.
    GrammarState text(GrammarState from, std::string_view bytes);
    GrammarState blank(GrammarState from);

  private:
    std::uint32_t white_space_;
};

}  // namespace gptoss::grammar

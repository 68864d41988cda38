// The pieces that grammars are put together from.
#pragma once

#include <string_view>
#include <vector>

#include "grammar/grammar.h"
#include "grammar/regular_expression.h"

namespace gptoss::grammar {

class GrammarBuilder {
  public:
    // What is added is spent from `budget`, which must outlive the builder: all of it may throw
    // BudgetExceeded.
    explicit GrammarBuilder(Budget& budget) : budget_(budget) {}

    Grammar grammar;

    Budget& budget() { return budget_; }
    GrammarState add_state();
    GrammarState add_rule_end();
    std::uint32_t add_dfa(std::shared_ptr<const ByteDfa> dfa);
    std::uint32_t add_dfa(ByteDfa dfa);
    // `behind` = where reading goes on behind each text; empty = where the state that reads them says.
    std::uint32_t add_literals(const std::vector<std::string>& texts, std::vector<GrammarState> behind = {});

    // Each adds a way from one state to another.
    void connect(GrammarState from, GrammarState to);
    void byte(GrammarState from, char c, GrammarState to);
    void dfa(GrammarState from, std::uint32_t which, GrammarState to);
    void string(GrammarState from, LengthRange length, GrammarState to);
    void text(GrammarState from, std::string_view bytes, GrammarState to);
    void blank(GrammarState from, GrammarState to);  // of JSON: nothing, a blank, or a line end and an indent
    void rule(GrammarState from, GrammarState rule, GrammarState return_state, std::uint32_t max_depth);
    // Texts of `which` whose numbers are from `first` to `last`. Literals that know what is behind each text
    // need no `to`.
    void literal(GrammarState from, std::uint32_t which, std::uint32_t first, std::uint32_t last,
                 GrammarState to = 0);
    void other_key(GrammarState from, std::uint32_t names, GrammarState to);  // behind the opening quote

    // The same to a new state, which is returned.
    GrammarState text(GrammarState from, std::string_view bytes);
    GrammarState blank(GrammarState from);

  private:
    Grammar::State& add_terminal(GrammarState from, Grammar::Terminal terminal, std::uint32_t index,
                                 GrammarState to);

    Budget& budget_;
    std::uint32_t white_space_ = Grammar::kNone;
};

}  // namespace gptoss::grammar

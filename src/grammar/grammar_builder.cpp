#include "grammar/grammar_builder.h"

namespace gptoss::grammar {
namespace {

constexpr int kWidestIndent = 64;

// Between the parts of an object or array: nothing, one blank, or a line end and an indent. Bounded, because
// a model that falls for blanks would never come to an end.
ByteDfa white_space(Budget& budget) {
    struct Place {
        char kind;  // 0 at first, then the character read last
        int indent;
        auto operator<=>(const Place&) const = default;
    };
    return ByteDfa::build(
        " \n\t", Place{0, 0},
        [](Place place, std::uint8_t byte) -> std::optional<Place> {
            if (place.kind == 0 && byte == ' ') return Place{' ', kWidestIndent};
            if (place.kind == 0 && byte == '\n') return Place{'\n', 0};
            const bool indents =
                place.kind != 0 && place.indent < kWidestIndent && (byte == ' ' || byte == '\t');
            const bool mixes = place.kind != '\n' && place.kind != static_cast<char>(byte);
            if (!indents || mixes) return std::nullopt;
            return Place{static_cast<char>(byte), place.indent + 1};
        },
        [](const Place&) { return true; }, budget);
}

}  // namespace

GrammarState GrammarBuilder::add_state() {
    budget_.spend_states(1);
    budget_.spend_steps(1);
    grammar.states.emplace_back();
    return static_cast<GrammarState>(grammar.states.size() - 1);
}

GrammarState GrammarBuilder::add_rule_end() {
    const GrammarState end = add_state();
    grammar.states[end].ends_rule = true;
    return end;
}

std::uint32_t GrammarBuilder::add_dfa(std::shared_ptr<const ByteDfa> added) {
    grammar.dfas.push_back(std::move(added));
    return static_cast<std::uint32_t>(grammar.dfas.size() - 1);
}

std::uint32_t GrammarBuilder::add_dfa(ByteDfa added) {
    return add_dfa(std::make_shared<const ByteDfa>(std::move(added)));
}

std::uint32_t GrammarBuilder::add_literals(const std::vector<std::string>& texts,
                                           std::vector<GrammarState> behind) {
    grammar.literals.push_back({LiteralTrie(texts, budget_), std::move(behind), {}});
    return static_cast<std::uint32_t>(grammar.literals.size() - 1);
}

void GrammarBuilder::connect(GrammarState from, GrammarState to) {
    budget_.spend_steps(1);
    grammar.states[from].empty.push_back(to);
}

void GrammarBuilder::byte(GrammarState from, char c, GrammarState to) {
    const auto value = static_cast<std::uint8_t>(c);
    grammar.states[from].bytes.push_back({value, value, to});
}

Grammar::State& GrammarBuilder::add_terminal(GrammarState from, Grammar::Terminal terminal,
                                             std::uint32_t index, GrammarState to) {
    const GrammarState added = add_state();
    connect(from, added);
    Grammar::State& state = grammar.states[added];
    state.terminal = terminal;
    state.index = index;
    state.next = to;
    return state;
}

void GrammarBuilder::dfa(GrammarState from, std::uint32_t which, GrammarState to) {
    add_terminal(from, Grammar::Terminal::dfa, which, to);
}

void GrammarBuilder::string(GrammarState from, LengthRange length, GrammarState to) {
    const GrammarState inside = add_state();
    byte(from, '"', inside);
    Grammar::State& state = add_terminal(inside, Grammar::Terminal::string, 0, to);
    state.least = length.least;
    state.most = length.most;
}

void GrammarBuilder::literal(GrammarState from, std::uint32_t which, std::uint32_t first, std::uint32_t last,
                             GrammarState to) {
    Grammar::State& state = add_terminal(from, Grammar::Terminal::literal, which, to);
    state.least = first;
    state.most = last;
    auto& list = grammar.literals[which];
    if (!list.behind.empty()) list.readers.push_back(static_cast<GrammarState>(grammar.states.size() - 1));
}

void GrammarBuilder::other_key(GrammarState from, std::uint32_t names, GrammarState to) {
    add_terminal(from, Grammar::Terminal::other_key, names, to);
}

void GrammarBuilder::text(GrammarState from, std::string_view bytes, GrammarState to) {
    connect(text(from, bytes), to);
}

GrammarState GrammarBuilder::text(GrammarState from, std::string_view bytes) {
    for (const char c : bytes) {
        const GrammarState to = add_state();
        byte(from, c, to);
        from = to;
    }
    return from;
}

void GrammarBuilder::blank(GrammarState from, GrammarState to) {
    if (white_space_ == Grammar::kNone) white_space_ = add_dfa(white_space(budget_));
    dfa(from, white_space_, to);
}

GrammarState GrammarBuilder::blank(GrammarState from) {
    const GrammarState to = add_state();
    blank(from, to);
    return to;
}

void GrammarBuilder::rule(GrammarState from, GrammarState rule, GrammarState return_state,
                          std::uint32_t max_depth) {
    budget_.spend_steps(1);
    grammar.states[from].rules.push_back({rule, return_state, max_depth});
}

}  // namespace gptoss::grammar

#include "grammar/grammar_builder.h"

namespace gptoss::grammar {
namespace {

constexpr int kWidestIndent = 64;

// Between the parts of an object or array: nothing, one blank, or a line end and an indent. Bounded, because
// a model that falls for blanks would never come to an end.
ByteDfa white_space() {
    struct Place {
        char kind;  // 0 at first, then the character read last
        int indent;
        auto operator<=>(const Place&) const = default;
    };
    return *ByteDfa::build(
        Place{0, 0},
        [](Place place, std::uint8_t byte) -> std::optional<Place> {
            if (place.kind == 0 && byte == ' ') return Place{' ', kWidestIndent};
            if (place.kind == 0 && byte == '\n') return Place{'\n', 0};
            const bool indents =
                place.kind != 0 && place.indent < kWidestIndent && (byte == ' ' || byte == '\t');
            const bool mixes = place.kind != '\n' && place.kind != static_cast<char>(byte);
            if (!indents || mixes) return std::nullopt;
            return Place{static_cast<char>(byte), place.indent + 1};
        },
        [](const Place&) { return true; });
}

}  // namespace

GrammarBuilder::GrammarBuilder() : white_space_(add_leaf(white_space())) {}

GrammarState GrammarBuilder::add_rule_end() {
    const GrammarState end = add_state();
    grammar.states[end].ends_rule = true;
    return end;
}

std::uint32_t GrammarBuilder::add_leaf(ByteDfa dfa) {
    grammar.leaves.push_back(std::make_shared<const ByteDfa>(std::move(dfa)));
    return static_cast<std::uint32_t>(grammar.leaves.size() - 1);
}

void GrammarBuilder::byte(GrammarState from, char c, GrammarState to) {
    const auto value = static_cast<std::uint8_t>(c);
    grammar.states[from].bytes.push_back({value, value, to});
}

void GrammarBuilder::leaf(GrammarState from, std::uint32_t which, GrammarState to) {
    const GrammarState state = add_state();
    grammar.states[state].leaf = which;
    grammar.states[state].next = to;
    connect(from, state);
}

void GrammarBuilder::string(GrammarState from, LengthRange length, GrammarState to) {
    const GrammarState inside = add_state();
    auto& state = grammar.states[inside];
    state.is_string = true;
    state.least_characters = length.least;
    state.most_characters = length.most;
    state.next = to;
    byte(from, '"', inside);
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

GrammarState GrammarBuilder::blank(GrammarState from) {
    const GrammarState to = add_state();
    blank(from, to);
    return to;
}

void GrammarBuilder::call(GrammarState from, GrammarState rule, GrammarState back, std::uint32_t deepest) {
    grammar.states[from].calls.push_back({rule, back, deepest});
}

}  // namespace gptoss::grammar

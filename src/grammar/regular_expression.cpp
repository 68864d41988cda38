#include "grammar/regular_expression.h"

#include "grammar/pattern_tree.h"

namespace gptoss::grammar {
namespace {

class NfaBuilder {
  public:
    explicit NfaBuilder(Budget& budget) : budget_(budget) {}

    CharacterNfa build(const Pattern& root) {
        nfa_.start = add_state();
        nfa_.end = emit(*root, nfa_.start);
        return std::move(nfa_);
    }

  private:
    std::uint32_t add_state() {
        if (nfa_.states.size() >= limits::kPatternStates)
            throw BudgetExceeded("it needs more than " + std::to_string(limits::kPatternStates) + " states");
        nfa_.states.emplace_back();
        return static_cast<std::uint32_t>(nfa_.states.size() - 1);
    }
    void connect(std::uint32_t from, std::uint32_t to) { nfa_.states[from].empty.push_back(to); }

    // Adds `node` behind `from`; gives the state behind it.
    std::uint32_t emit(const PatternNode& node, std::uint32_t from) {
        budget_.spend_steps(1);
        switch (node.kind) {
            case PatternNode::Kind::characters: {
                const std::uint32_t to = add_state();
                nfa_.states[from].edges.push_back({node.characters, to});
                return to;
            }
            case PatternNode::Kind::sequence:
                for (const Pattern& part : node.parts) from = emit(*part, from);
                return from;
            case PatternNode::Kind::choice: {
                const std::uint32_t to = add_state();
                for (const Pattern& part : node.parts) {
                    const std::uint32_t begin = add_state();
                    connect(from, begin);
                    connect(emit(*part, begin), to);
                }
                return to;
            }
            case PatternNode::Kind::repeat:
                return emit_repeat(node, from);
        }
        return from;
    }

    std::uint32_t emit_repeat(const PatternNode& node, std::uint32_t from) {
        const PatternNode& part = *node.parts.front();
        for (std::uint32_t i = 0; i < node.least; ++i) from = emit(part, from);
        if (node.most == kEndless) {
            const std::uint32_t loop = add_state();
            connect(from, loop);
            connect(emit(part, loop), loop);
            const std::uint32_t to = add_state();
            connect(loop, to);
            return to;
        }
        const std::uint32_t to = add_state();
        for (std::uint32_t i = node.least; i < node.most; ++i) {
            connect(from, to);
            const std::uint32_t begin = add_state();  // nothing of what came before leads back into this copy
            connect(from, begin);
            from = emit(part, begin);
        }
        connect(from, to);
        return to;
    }

    Budget& budget_;
    CharacterNfa nfa_;
};

}  // namespace

CharacterNfa to_nfa(const Pattern& pattern, Budget& budget) {
    return NfaBuilder(budget).build(pattern);
}

CharacterNfa parse_pattern(std::string_view pattern, const PatternOptions& options, Budget& budget) {
    return to_nfa(parse_pattern_tree(pattern, options), budget);
}

CharacterNfa with_length(const CharacterNfa& nfa, LengthRange length, Budget& budget) {
    // Every state once for each number of characters read; without an upper limit, `least` stands for more
    // too.
    const bool limited = length.most != LengthRange{}.most;
    const std::uint64_t counts = (limited ? length.most : length.least) + std::uint64_t{1};
    constexpr std::uint64_t kMostCopies = 5 * limits::kPatternStates;
    if (counts > kMostCopies || counts * nfa.states.size() > kMostCopies)
        throw BudgetExceeded("together with its length limits it needs more than " +
                             std::to_string(kMostCopies) + " states");
    const auto state_count = static_cast<std::uint32_t>(nfa.states.size());
    const auto copies = static_cast<std::uint32_t>(counts);
    CharacterNfa product;
    product.states.resize(copies * state_count + 1);
    product.start = nfa.start;
    product.end = copies * state_count;
    for (std::uint32_t count = 0; count < copies; ++count) {
        const bool last = count + 1 == copies;
        for (std::uint32_t i = 0; i < state_count; ++i) {
            auto& state = product.states[count * state_count + i];
            budget.spend_steps(1 + nfa.states[i].empty.size() + 2 * nfa.states[i].edges.size());
            for (const std::uint32_t to : nfa.states[i].empty)
                state.empty.push_back(count * state_count + to);
            if (last && limited) continue;
            for (const auto& edge : nfa.states[i].edges)
                state.edges.push_back({edge.on, (last ? count : count + 1) * state_count + edge.to});
        }
        if (count >= length.least) product.states[count * state_count + nfa.end].empty.push_back(product.end);
    }
    return product;
}

ByteDfa whole_pattern(std::string_view pattern, Spelling spelling, Budget& budget) {
    PatternOptions options;
    options.whole = true;
    return to_bytes(parse_pattern(pattern, options, budget), spelling, budget);
}

}  // namespace gptoss::grammar

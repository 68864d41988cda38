#include "grammar/grammar.h"

#include <algorithm>

#include "grammar/string_lexer.h"

namespace gptoss::grammar {
namespace {

string_lexer::State lexer_state(Grammar::Reading at) {
    return static_cast<string_lexer::State>(at.inner);
}

}  // namespace

std::optional<Grammar::Reading> Grammar::begin(const State& terminal) const {
    switch (terminal.terminal) {
        case Terminal::dfa:
            if (dfas[terminal.index]->start() == ByteDfa::kDead) return std::nullopt;
            return Reading{dfas[terminal.index]->start(), 0};
        case Terminal::string:
        case Terminal::other_key:
            return Reading{string_lexer::kText, 0};  // 0 is the trie's root, too
        case Terminal::literal:
            if (!literals[terminal.index].trie.leads_to(LiteralTrie::kRoot, terminal.least, terminal.most))
                return std::nullopt;
            return Reading{LiteralTrie::kRoot, 0};
        case Terminal::none:
            break;
    }
    return std::nullopt;
}

std::optional<Grammar::Reading> Grammar::read(const State& terminal, Reading at, std::uint8_t byte) const {
    switch (terminal.terminal) {
        case Terminal::dfa: {
            const auto to = dfas[terminal.index]->next(static_cast<ByteDfa::State>(at.inner), byte);
            if (to == ByteDfa::kDead) return std::nullopt;
            return Reading{to, 0};
        }
        case Terminal::string:
            return read_string(terminal, at, byte);
        case Terminal::other_key:
            return read_other_key(terminal, at, byte);
        case Terminal::literal: {
            const LiteralTrie& trie = literals[terminal.index].trie;
            const LiteralTrie::Node to = trie.next(at.inner, byte);
            if (to == LiteralTrie::kNone || !trie.leads_to(to, terminal.least, terminal.most))
                return std::nullopt;
            return Reading{to, 0};
        }
        case Terminal::none:
            break;
    }
    return std::nullopt;
}

std::optional<Grammar::Reading> Grammar::read_string(const State& terminal, Reading at,
                                                     std::uint8_t byte) const {
    const string_lexer::State from = lexer_state(at);
    const string_lexer::State to = string_lexer::next(from, byte);
    if (to == string_lexer::kDead) return std::nullopt;
    if (to == string_lexer::kClosed) {
        if (at.count < terminal.least) return std::nullopt;
        return Reading{to, 0};
    }
    // A character that was begun must still fit.
    if (from == string_lexer::kText && at.count >= terminal.most) return std::nullopt;
    const bool counts = terminal.most != kNoLimit || at.count < terminal.least;
    return Reading{to, at.count + (to == string_lexer::kText && counts ? 1 : 0)};
}

std::optional<Grammar::Reading> Grammar::read_other_key(const State& terminal, Reading at,
                                                        std::uint8_t byte) const {
    const string_lexer::State from = lexer_state(at);
    const string_lexer::State to = string_lexer::next(from, byte);
    if (to == string_lexer::kDead) return std::nullopt;
    if (at.count == LiteralTrie::kNone) return Reading{to, at.count};
    const LiteralTrie::Node node = literals[terminal.index].trie.next(at.count, byte);
    if (node != LiteralTrie::kNone) {
        if (to == string_lexer::kClosed) return std::nullopt;  // it is one of the names
        return Reading{to, node};
    }
    // An escape could spell a name in another way, as long as what was read could still become one.
    const bool in_escape = from >= string_lexer::kEscape && from <= string_lexer::kLow1;
    if (byte == '\\' || in_escape) return std::nullopt;
    return Reading{to, LiteralTrie::kNone};
}

bool Grammar::can_continue(const State& terminal, Reading at) const {
    switch (terminal.terminal) {
        case Terminal::dfa:
            return dfas[terminal.index]->can_continue(static_cast<ByteDfa::State>(at.inner));
        case Terminal::string:
        case Terminal::other_key:
            return lexer_state(at) != string_lexer::kClosed;
        case Terminal::literal:
            return literals[terminal.index].trie.leads_on(at.inner, terminal.least, terminal.most);
        case Terminal::none:
            break;
    }
    return false;
}

std::optional<GrammarState> Grammar::continuation(const State& terminal, Reading at) const {
    switch (terminal.terminal) {
        case Terminal::dfa:
            if (dfas[terminal.index]->accepts(static_cast<ByteDfa::State>(at.inner))) return terminal.next;
            break;
        case Terminal::string:
        case Terminal::other_key:
            if (lexer_state(at) == string_lexer::kClosed) return terminal.next;
            break;
        case Terminal::literal: {
            const Literals& of = literals[terminal.index];
            const std::uint32_t text = of.trie.text_at(at.inner);
            if (text == LiteralTrie::kNone || text < terminal.least || text > terminal.most) break;
            return of.behind.empty() ? terminal.next : of.behind[text];
        }
        case Terminal::none:
            break;
    }
    return std::nullopt;
}

bool Grammar::can_be_read(const State& terminal) const {
    if (terminal.terminal == Terminal::string) return terminal.least <= terminal.most;
    return begin(terminal).has_value();
}

template <class VisitTargets>
std::vector<bool> Grammar::states_that_end(VisitTargets visit_targets, bool by_names) const {
    // From every ending state backwards. A reference is passed when its rule can end and what follows can.
    std::vector<bool> live(states.size());
    std::vector<std::vector<GrammarState>> before(states.size());
    std::vector<std::pair<std::uint32_t, std::uint32_t>> named(states.size(), {kNone, 0});  // literals, text
    std::vector<std::vector<GrammarState>> readers;
    std::vector<GrammarState> open;
    const auto mark = [&](GrammarState state) {
        if (live[state]) return;
        live[state] = true;
        open.push_back(state);
    };
    for (std::uint32_t i = 0; by_names && i < literals.size(); ++i) {
        readers.push_back(literals[i].readers);
        for (std::uint32_t text = 0; text < literals[i].behind.size(); ++text)
            named[literals[i].behind[text]] = {i, text};
    }
    for (GrammarState i = 0; i < states.size(); ++i) {
        visit_targets(states[i], [&](GrammarState to) { before[to].push_back(i); });
        for (const RuleRef& ref : states[i].rules) {
            before[ref.rule].push_back(i);
            before[ref.return_state].push_back(i);
        }
        if (states[i].ends_rule) mark(i);
    }
    while (!open.empty()) {
        const GrammarState to = open.back();
        open.pop_back();
        for (const GrammarState from : before[to]) {
            if (live[from]) continue;
            bool leads_on = false;
            visit_targets(states[from], [&](GrammarState target) { leads_on = leads_on || target == to; });
            for (const RuleRef& ref : states[from].rules)
                leads_on = leads_on || (live[ref.rule] && live[ref.return_state]);
            if (leads_on) mark(from);
        }
        if (named[to].first == kNone) continue;
        // A list of names may be read in many places: each is left out as soon as it is known to lead on.
        std::erase_if(readers[named[to].first], [&, text = named[to].second](GrammarState reader) {
            const bool reads = states[reader].least <= text && text <= states[reader].most;
            if (reads) mark(reader);
            return reads;
        });
    }
    return live;
}

bool Grammar::trim() {
    const auto targets = [&](const State& state, auto visit) {
        for (const ByteEdge& edge : state.bytes) visit(edge.to);
        for (const GrammarState to : state.empty) visit(to);
        const bool knows_next = state.terminal != Terminal::none &&
                                (state.terminal != Terminal::literal || literals[state.index].behind.empty());
        if (knows_next && can_be_read(state)) visit(state.next);
    };
    const std::vector<bool> live = states_that_end(targets, true);
    for (Literals& list : literals) {
        if (list.behind.empty()) continue;
        std::vector<bool> leads_on;
        for (const GrammarState to : list.behind) leads_on.push_back(live[to]);
        list.trie.keep(leads_on);
    }
    for (GrammarState i = 0; i < states.size(); ++i) {
        State& state = states[i];
        std::erase_if(state.empty, [&](GrammarState to) { return !live[to]; });
        std::erase_if(state.bytes, [&](const ByteEdge& edge) { return !live[edge.to]; });
        std::erase_if(state.rules,
                      [&](const RuleRef& ref) { return !live[ref.rule] || !live[ref.return_state]; });
        if (state.terminal == Terminal::none) continue;
        bool leads_on = false;
        targets(state, [&](GrammarState to) { leads_on = leads_on || live[to]; });
        if (state.terminal == Terminal::literal && !literals[state.index].behind.empty()) leads_on = live[i];
        if (!leads_on) state.terminal = Terminal::none;
    }
    return live[start];
}

bool Grammar::has_left_recursion() const {
    const std::vector<bool> ends = states_that_end(
        [&](const State& state, auto visit) {
            for (const GrammarState to : state.empty) visit(to);
            if (const auto at = begin(state))
                if (const auto to = continuation(state, *at)) visit(*to);
        },
        false);
    // The rules that may be entered from the beginning of a rule before anything is read.
    std::vector<bool> seen(states.size());
    const auto entered = [&](GrammarState rule) {
        std::vector<GrammarState> rules, visited, open{rule};
        while (!open.empty()) {
            const GrammarState at = open.back();
            open.pop_back();
            if (seen[at]) continue;
            seen[at] = true;
            visited.push_back(at);
            open.insert(open.end(), states[at].empty.begin(), states[at].empty.end());
            for (const RuleRef& ref : states[at].rules) {
                rules.push_back(ref.rule);
                if (ends[ref.rule]) open.push_back(ref.return_state);
            }
            if (const auto reading = begin(states[at]))
                if (const auto to = continuation(states[at], *reading)) open.push_back(*to);
        }
        for (const GrammarState at : visited) seen[at] = false;
        return rules;
    };
    // Depth-first without recursion: a rule that is met again while it is open closes a circle.
    enum class Mark : std::uint8_t { unseen, open, done };
    std::vector<Mark> marks(states.size(), Mark::unseen);
    struct Visit {
        GrammarState rule;
        std::vector<GrammarState> entered;
    };
    std::vector<GrammarState> rules{start};
    for (const State& state : states)
        for (const RuleRef& ref : state.rules) rules.push_back(ref.rule);
    for (const GrammarState first : rules) {
        if (marks[first] != Mark::unseen) continue;
        std::vector<Visit> path{{first, entered(first)}};
        marks[first] = Mark::open;
        while (!path.empty()) {
            if (path.back().entered.empty()) {
                marks[path.back().rule] = Mark::done;
                path.pop_back();
                continue;
            }
            const GrammarState to = path.back().entered.back();
            path.back().entered.pop_back();
            if (marks[to] == Mark::open) return true;
            if (marks[to] != Mark::unseen) continue;
            marks[to] = Mark::open;
            path.push_back({to, entered(to)});
        }
    }
    return false;
}

}  // namespace gptoss::grammar

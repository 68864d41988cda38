#include "grammar/json_grammar.h"

#include <algorithm>

namespace gptoss::grammar {

JsonGrammar::Progress JsonGrammar::begin() const {
    Progress progress;
    close({{start, 0, 0}}, progress);
    sort(progress);
    return progress;
}

void JsonGrammar::sort(Progress& progress) {
    if (progress.size() < 2) return;
    std::sort(progress.begin(), progress.end());
    progress.erase(std::unique(progress.begin(), progress.end()), progress.end());
}

void JsonGrammar::close(Stack stack, Progress& out) const {
    if (stack.empty()) return out.push_back(std::move(stack));
    const State& state = states[stack.back().state];
    for (const GrammarState to : state.empty) {
        Stack next = stack;
        next.back() = {to, 0, 0};
        close(std::move(next), out);
    }
    for (const Call& call : state.calls) {
        if (stack.size() > call.deepest) continue;
        Stack next = stack;
        next.back() = {call.back, 0, 0};
        next.push_back({call.rule, 0, 0});
        close(std::move(next), out);
    }
    if (state.ends_rule) {
        Stack next = stack;
        next.pop_back();
        close(std::move(next), out);
    }
    if (state.leaf != kNone) {
        const ByteDfa& leaf = *leaves[state.leaf];
        stack.back().inner = leaf.start();
        if (leaf.accepts(leaf.start())) close_behind(stack, out);
        if (leaf.goes_on(leaf.start())) out.push_back(std::move(stack));
    } else if (state.is_string) {
        stack.back().inner = string_lexer::kText;
        out.push_back(std::move(stack));
    } else if (!state.bytes.empty()) {
        out.push_back(std::move(stack));
    }
}

void JsonGrammar::close_behind(Stack stack, Progress& out) const {
    stack.back() = {states[stack.back().state].next, 0, 0};
    close(std::move(stack), out);
}

JsonGrammar::Progress JsonGrammar::behind(const Stack& stack) const {
    Progress progress;
    close_behind(stack, progress);
    sort(progress);
    return progress;
}

JsonGrammar::Progress JsonGrammar::step(const Progress& progress, std::uint8_t byte) const {
    Progress out;
    for (const Stack& stack : progress) {
        if (stack.empty()) continue;
        const Frame& top = stack.back();
        const State& state = states[top.state];
        if (state.leaf != kNone) {
            const ByteDfa& leaf = *leaves[state.leaf];
            const ByteDfa::State to = leaf.next(static_cast<ByteDfa::State>(top.inner), byte);
            if (to == ByteDfa::kDead) continue;
            Stack next = stack;
            next.back().inner = to;
            if (leaf.accepts(to)) close_behind(next, out);
            if (leaf.goes_on(to)) out.push_back(std::move(next));
        } else if (state.is_string) {
            const auto from = static_cast<string_lexer::State>(top.inner);
            const string_lexer::State to = string_lexer::next(from, byte);
            if (to == string_lexer::kDead) continue;
            if (to == string_lexer::kClosed) {
                if (top.characters >= state.least_characters) close_behind(stack, out);
                continue;
            }
            // A character that was begun must still fit.
            if (from == string_lexer::kText && top.characters >= state.most_characters) continue;
            Stack next = stack;
            next.back().inner = to;
            const bool counts = state.most_characters != kNoLimit || top.characters < state.least_characters;
            if (to == string_lexer::kText && counts) ++next.back().characters;
            out.push_back(std::move(next));
        } else {
            for (const ByteEdge& edge : state.bytes) {
                if (byte < edge.first || byte > edge.last) continue;
                Stack next = stack;
                next.back() = {edge.to, 0, 0};
                close(std::move(next), out);
            }
        }
    }
    sort(out);
    return out;
}

JsonGrammar::Progress JsonGrammar::step(Progress progress, std::string_view bytes) const {
    for (const char byte : bytes) {
        if (progress.empty()) break;
        progress = step(progress, static_cast<std::uint8_t>(byte));
    }
    return progress;
}

bool JsonGrammar::trim() {
    std::vector<bool> live(states.size());
    const auto is_live = [&](const State& state) {
        const auto leads_on = [&](GrammarState to) { return live[to]; };
        if (state.ends_rule) return true;
        if (state.leaf != kNone && leaves[state.leaf]->start() != ByteDfa::kDead && live[state.next])
            return true;
        if (state.is_string && state.least_characters <= state.most_characters && live[state.next])
            return true;
        if (std::any_of(state.empty.begin(), state.empty.end(), leads_on)) return true;
        if (std::any_of(state.bytes.begin(), state.bytes.end(),
                        [&](const ByteEdge& edge) { return live[edge.to]; }))
            return true;
        return std::any_of(state.calls.begin(), state.calls.end(),
                           [&](const Call& call) { return live[call.rule] && live[call.back]; });
    };
    for (bool changed = true; changed;) {
        changed = false;
        for (std::size_t i = states.size(); i-- > 0;)
            if (!live[i] && is_live(states[i])) live[i] = changed = true;
    }
    for (State& state : states) {
        std::erase_if(state.empty, [&](GrammarState to) { return !live[to]; });
        std::erase_if(state.bytes, [&](const ByteEdge& edge) { return !live[edge.to]; });
        std::erase_if(state.calls, [&](const Call& call) { return !live[call.rule] || !live[call.back]; });
        const bool dead_leaf =
            state.leaf != kNone && (!live[state.next] || leaves[state.leaf]->start() == ByteDfa::kDead);
        if (dead_leaf) state.leaf = kNone;
        if (state.is_string && (!live[state.next] || state.least_characters > state.most_characters))
            state.is_string = false;
    }
    return live[start];
}

bool JsonGrammar::has_empty_recursion() const {
    enum class Mark : std::uint8_t { unseen, open, done };
    std::vector<Mark> marks(states.size(), Mark::unseen);
    // Depth-first without recursion: a state that is met again while it is open closes a circle.
    struct Visit {
        GrammarState state;
        std::size_t next = 0;
    };
    for (GrammarState first = 0; first < states.size(); ++first) {
        if (marks[first] != Mark::unseen) continue;
        std::vector<Visit> path{{first}};
        marks[first] = Mark::open;
        while (!path.empty()) {
            Visit& visit = path.back();
            const State& state = states[visit.state];
            if (visit.next == state.empty.size() + state.calls.size()) {
                marks[visit.state] = Mark::done;
                path.pop_back();
                continue;
            }
            const std::size_t i = visit.next++;
            const GrammarState to =
                i < state.empty.size() ? state.empty[i] : state.calls[i - state.empty.size()].rule;
            if (marks[to] == Mark::open) return true;
            if (marks[to] == Mark::unseen) {
                marks[to] = Mark::open;
                path.push_back({to});
            }
        }
    }
    return false;
}

}  // namespace gptoss::grammar

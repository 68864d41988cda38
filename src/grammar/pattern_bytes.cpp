// Automata over characters -> automata over bytes.
#include <algorithm>
#include <array>
#include <unordered_map>

#include "grammar/regular_expression.h"

namespace gptoss::grammar {
namespace {

struct ByteEdge {
    std::uint8_t first, last;
    std::uint32_t to;
};

struct ByteNfaState {
    std::vector<ByteEdge> edges;
    std::vector<std::uint32_t> empty;
};

constexpr std::size_t kMostByteStates = 5 * limits::kPatternStates;
constexpr std::size_t kStepsOfEdge = 8;  // an edge is 12 bytes that stay until the automaton is made

int utf8_length(char32_t c) {
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

std::array<std::uint8_t, 4> utf8(char32_t c) {
    switch (utf8_length(c)) {
        case 1:
            return {static_cast<std::uint8_t>(c), 0, 0, 0};
        case 2:
            return {static_cast<std::uint8_t>(0xC0 | c >> 6), static_cast<std::uint8_t>(0x80 | (c & 0x3F)), 0,
                    0};
        case 3:
            return {static_cast<std::uint8_t>(0xE0 | c >> 12),
                    static_cast<std::uint8_t>(0x80 | (c >> 6 & 0x3F)),
                    static_cast<std::uint8_t>(0x80 | (c & 0x3F)), 0};
        default:
            return {static_cast<std::uint8_t>(0xF0 | c >> 18),
                    static_cast<std::uint8_t>(0x80 | (c >> 12 & 0x3F)),
                    static_cast<std::uint8_t>(0x80 | (c >> 6 & 0x3F)),
                    static_cast<std::uint8_t>(0x80 | (c & 0x3F))};
    }
}

class ByteNfa {
  public:
    ByteNfa(const CharacterNfa& source, Spelling spelling, Budget& budget)
        : spelling_(spelling), budget_(budget) {
        states.resize(source.states.size());
        for (std::uint32_t i = 0; i < source.states.size(); ++i) {
            states[i].empty = source.states[i].empty;
            for (const auto& edge : source.states[i].edges)
                for (const auto& range : *edge.on) add_range(i, range.first, range.last, edge.to);
        }
        start = source.start;
        end = source.end;
        if (spelling == Spelling::json_string) {
            end = add_state();
            states[source.end].edges.push_back({'"', '"', end});
        }
    }

    std::vector<ByteNfaState> states;
    std::uint32_t start, end;

  private:
    std::uint32_t add_state() {
        if (states.size() >= kMostByteStates)
            throw BudgetExceeded("it needs more than " + std::to_string(kMostByteStates) + " states");
        states.emplace_back();
        return static_cast<std::uint32_t>(states.size() - 1);
    }

    void add_edge(std::uint32_t from, ByteEdge edge) {
        budget_.spend_steps(kStepsOfEdge);
        states[from].edges.push_back(edge);
    }

    void add_text(std::uint32_t from, std::string_view text, std::uint32_t to) {
        for (std::size_t i = 0; i < text.size(); ++i) {
            const std::uint32_t next = i + 1 == text.size() ? to : add_state();
            const auto byte = static_cast<std::uint8_t>(text[i]);
            add_edge(from, {byte, byte, next});
            from = next;
        }
    }

    void add_range(std::uint32_t from, char32_t first, char32_t last, std::uint32_t to) {
        if (spelling_ == Spelling::plain) return add_plain(from, first, last, to);
        for (; first <= last && first < 0x20; ++first)
            add_control(from, static_cast<std::uint8_t>(first), to);
        add_plain(from, std::max<char32_t>(first, 0x20), std::min<char32_t>(last, 0x21), to);
        if (first <= '"' && last >= '"') add_text(from, "\\\"", to);
        add_plain(from, std::max<char32_t>(first, 0x23), std::min<char32_t>(last, 0x5B), to);
        if (first <= '\\' && last >= '\\') add_text(from, "\\\\", to);
        add_plain(from, std::max<char32_t>(first, 0x5D), last, to);
    }

    void add_control(std::uint32_t from, std::uint8_t c, std::uint32_t to) {
        switch (c) {
            case '\b':
                return add_text(from, "\\b", to);
            case '\f':
                return add_text(from, "\\f", to);
            case '\n':
                return add_text(from, "\\n", to);
            case '\r':
                return add_text(from, "\\r", to);
            case '\t':
                return add_text(from, "\\t", to);
            default: {
                const std::string digits = "0123456789abcdef";
                return add_text(from, std::string("\\u00") + digits[c >> 4] + digits[c & 15], to);
            }
        }
    }

    // UTF-8 as runs of byte ranges: the range is cut until each part differs in whole trailing bytes only.
    void add_plain(std::uint32_t from, char32_t first, char32_t last, std::uint32_t to) {
        if (first > last) return;
        constexpr char32_t kSurrogates = 0xD800, kBehindSurrogates = 0xE000;
        if (first < kBehindSurrogates && last >= kSurrogates) {
            if (first < kSurrogates) add_plain(from, first, kSurrogates - 1, to);
            return add_plain(from, kBehindSurrogates, last, to);
        }
        for (const char32_t limit : {0x7FU, 0x7FFU, 0xFFFFU})
            if (first <= limit && last > limit) {
                add_plain(from, first, limit, to);
                return add_plain(from, limit + 1, last, to);
            }
        const int length = utf8_length(first);
        for (int i = 1; i < length; ++i) {
            const char32_t low_bits = (char32_t{1} << (6 * i)) - 1;
            if ((first & ~low_bits) == (last & ~low_bits)) continue;
            if ((first & low_bits) != 0) {
                add_plain(from, first, first | low_bits, to);
                return add_plain(from, (first | low_bits) + 1, last, to);
            }
            if ((last & low_bits) != low_bits) {
                add_plain(from, first, (last & ~low_bits) - 1, to);
                return add_plain(from, last & ~low_bits, last, to);
            }
        }
        const auto low = utf8(first), high = utf8(last);
        for (int i = 0; i < length; ++i) {
            const std::uint32_t next = i + 1 == length ? to : add_state();
            add_edge(from, {low[static_cast<std::size_t>(i)], high[static_cast<std::size_t>(i)], next});
            from = next;
        }
    }

    Spelling spelling_;
    Budget& budget_;
};

// The subset construction: a state of the result is a set of states, of which only those with edges (and the
// end) are kept.
class Determiniser {
  public:
    Determiniser(const ByteNfa& nfa, Budget& budget) : nfa_(nfa), budget_(budget), seen_(nfa.states.size()) {}

    ByteDfa run() {
        number(closed({nfa_.start}));
        for (std::size_t i = 0; i < sets_.size(); ++i) add_row(i);
        return ByteDfa(std::move(rows_));
    }

  private:
    using StateSet = std::vector<std::uint32_t>;  // sorted
    struct Hash {
        std::size_t operator()(const StateSet& states) const {
            std::uint64_t value = states.size();
            for (const std::uint32_t state : states) value = (value ^ state) * 0x9E3779B97F4A7C15ULL >> 3;
            return value;
        }
    };

    StateSet closed(StateSet open) {
        StateSet visited, kept;
        while (!open.empty()) {
            const std::uint32_t state = open.back();
            open.pop_back();
            if (seen_[state]) continue;
            seen_[state] = true;
            visited.push_back(state);
            budget_.spend_steps(1 + nfa_.states[state].empty.size());
            if (!nfa_.states[state].edges.empty() || state == nfa_.end) kept.push_back(state);
            open.insert(open.end(), nfa_.states[state].empty.begin(), nfa_.states[state].empty.end());
        }
        for (const std::uint32_t state : visited) seen_[state] = false;
        std::sort(kept.begin(), kept.end());
        return kept;
    }

    ByteDfa::State number(StateSet set) {
        const bool accepts = std::binary_search(set.begin(), set.end(), nfa_.end);
        const auto [entry, added] =
            numbers_.try_emplace(std::move(set), static_cast<ByteDfa::State>(sets_.size()));
        if (added) {
            budget_.spend_dfa_states(1);
            budget_.spend_steps(256 + 4 * entry->first.size());
            rows_.add(accepts);
            sets_.push_back(&entry->first);
        }
        return entry->second;
    }

    // The ways on from set `i`: cut into runs of bytes that lead to the same states.
    void add_row(std::size_t i) {
        edges_.clear();
        std::array<bool, 257> begins{};  // a run begins here
        for (const std::uint32_t state : *sets_[i])
            for (const ByteEdge& edge : nfa_.states[state].edges) {
                edges_.push_back(edge);
                begins[edge.first] = begins[edge.last + std::size_t{1}] = true;
            }
        for (std::size_t byte = 0; byte < 256;) {
            std::size_t end = byte + 1;
            while (end < 256 && !begins[end]) ++end;
            budget_.spend_steps(1 + edges_.size());
            StateSet to;
            for (const ByteEdge& edge : edges_)
                if (byte >= edge.first && byte <= edge.last) to.push_back(edge.to);
            if (!to.empty()) {
                const ByteDfa::State target = number(closed(std::move(to)));
                std::fill(rows_.next[i].begin() + static_cast<std::ptrdiff_t>(byte),
                          rows_.next[i].begin() + static_cast<std::ptrdiff_t>(end), target);
            }
            byte = end;
        }
    }

    const ByteNfa& nfa_;
    Budget& budget_;
    std::vector<bool> seen_;
    std::unordered_map<StateSet, ByteDfa::State, Hash> numbers_;
    std::vector<const StateSet*> sets_;  // keys of numbers_
    std::vector<ByteEdge> edges_;
    ByteDfa::Rows rows_;
};

}  // namespace

ByteDfa to_bytes(const CharacterNfa& nfa, Spelling spelling, Budget& budget) {
    const ByteNfa bytes(nfa, spelling, budget);
    return Determiniser(bytes, budget).run();
}

}  // namespace gptoss::grammar

// What is done with automata over characters: limits of length, and automata over bytes.
#include <algorithm>
#include <array>

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

constexpr std::size_t kMostByteStates = 400000;

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
    ByteNfa(const CharacterNfa& source, Spelling spelling) : spelling_(spelling) {
        states.resize(source.states.size());
        for (std::uint32_t i = 0; i < source.states.size(); ++i) {
            states[i].empty = source.states[i].empty;
            for (const auto& edge : source.states[i].edges)
                for (const auto& range : edge.on) add_range(i, range.first, range.last, edge.to);
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
        if (states.size() >= kMostByteStates) throw PatternError("it needs too many states");
        states.emplace_back();
        return static_cast<std::uint32_t>(states.size() - 1);
    }

    void add_text(std::uint32_t from, std::string_view text, std::uint32_t to) {
        for (std::size_t i = 0; i < text.size(); ++i) {
            const std::uint32_t next = i + 1 == text.size() ? to : add_state();
            const auto byte = static_cast<std::uint8_t>(text[i]);
            states[from].edges.push_back({byte, byte, next});
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
            states[from].edges.push_back(
                {low[static_cast<std::size_t>(i)], high[static_cast<std::size_t>(i)], next});
            from = next;
        }
    }

    Spelling spelling_;
};

using StateSet = std::vector<std::uint32_t>;  // sorted

}  // namespace

CharacterNfa with_length(const CharacterNfa& nfa, LengthRange length) {
    // Every state once for each number of characters read; without an upper limit, `least` stands for more
    // too.
    const bool limited = length.most != LengthRange{}.most;
    const std::uint64_t counts = (limited ? length.most : length.least) + std::uint64_t{1};
    if (counts * nfa.states.size() > CharacterNfa::kMostStates * 5)
        throw PatternError("together with its length limits it needs too many states");
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

ByteDfa to_bytes(const CharacterNfa& nfa, Spelling spelling) {
    const ByteNfa bytes(nfa, spelling);
    std::vector<bool> seen(bytes.states.size());
    const auto closed = [&](StateSet states) {
        StateSet all;
        while (!states.empty()) {
            const std::uint32_t state = states.back();
            states.pop_back();
            if (seen[state]) continue;
            seen[state] = true;
            all.push_back(state);
            states.insert(states.end(), bytes.states[state].empty.begin(), bytes.states[state].empty.end());
        }
        for (const std::uint32_t state : all) seen[state] = false;
        std::sort(all.begin(), all.end());
        return all;
    };
    auto dfa = ByteDfa::build(
        closed({bytes.start}),
        [&](const StateSet& from, std::uint8_t byte) -> std::optional<StateSet> {
            StateSet to;
            for (const std::uint32_t state : from)
                for (const ByteEdge& edge : bytes.states[state].edges)
                    if (byte >= edge.first && byte <= edge.last) to.push_back(edge.to);
            if (to.empty()) return std::nullopt;
            return closed(std::move(to));
        },
        [&](const StateSet& states) { return std::binary_search(states.begin(), states.end(), bytes.end); });
    if (!dfa) throw PatternError("it needs too many states");
    return std::move(*dfa);
}

}  // namespace gptoss::grammar

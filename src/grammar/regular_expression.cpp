#include "grammar/regular_expression.h"

#include <algorithm>
#include <memory>

namespace gptoss::grammar {
namespace {

using Range = CharacterNfa::Range;
using Ranges = std::vector<Range>;

constexpr char32_t kLastCharacter = 0x10FFFF;
constexpr std::uint32_t kEndless = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t kMostRepeats = 10000;
constexpr int kDeepestGroup = 100;

Ranges normalized(Ranges ranges) {
    std::sort(ranges.begin(), ranges.end(), [](Range a, Range b) { return a.first < b.first; });
    Ranges merged;
    for (const Range& range : ranges) {
        if (!merged.empty() && range.first <= merged.back().last + 1)
            merged.back().last = std::max(merged.back().last, range.last);
        else
            merged.push_back(range);
    }
    return merged;
}

Ranges complement(Ranges ranges) {
    Ranges rest;
    char32_t next = 0;
    for (const Range& range : normalized(std::move(ranges))) {
        if (range.first > next) rest.push_back({next, range.first - 1});
        next = range.last + 1;
    }
    if (next <= kLastCharacter) rest.push_back({next, kLastCharacter});
    return rest;
}

const Ranges kAnything{{0, kLastCharacter}};
const Ranges kDigits{{'0', '9'}};
const Ranges kWord{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const Ranges kBlanks{{'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680},
                     {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                     {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const Ranges kLineEnds{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

struct Node {
    enum class Kind { characters, sequence, choice, repeat } kind;
    Ranges characters;
    std::vector<Node> parts;
    std::uint32_t least = 1, most = 1;  // repeat
};

Node characters(Ranges ranges) {
    return {Node::Kind::characters, normalized(std::move(ranges)), {}, 1, 1};
}
Node sequence(std::vector<Node> parts) {
    return {Node::Kind::sequence, {}, std::move(parts), 1, 1};
}
Node choice(std::vector<Node> parts) {
    return {Node::Kind::choice, {}, std::move(parts), 1, 1};
}
Node repeat(Node part, std::uint32_t least, std::uint32_t most) {
    std::vector<Node> parts;
    parts.push_back(std::move(part));
    return {Node::Kind::repeat, {}, std::move(parts), least, most};
}

std::u32string decode(std::string_view text) {
    std::u32string out;
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        const int length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        char32_t value = length == 1 ? lead : lead & (0xFFU >> (length + 1));
        if (i + static_cast<std::size_t>(length) > text.size()) throw PatternError("it is not valid UTF-8");
        for (int k = 1; k < length; ++k)
            value = value << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3F);
        out += value;
        i += static_cast<std::size_t>(length);
    }
    return out;
}

class PatternParser {
  public:
    PatternParser(std::string_view pattern, bool whole) : text_(decode(pattern)), whole_(whole) {}

    Node parse() {
        Node node = parse_choice(0);
        if (at_ < text_.size()) throw PatternError("it has a \")\" without \"(\"");
        return node;
    }

  private:
    bool has(char32_t c) const { return at_ < text_.size() && text_[at_] == c; }
    bool take(char32_t c) {
        if (!has(c)) return false;
        ++at_;
        return true;
    }
    char32_t take_any() {
        if (at_ == text_.size()) throw PatternError("it ends too early");
        return text_[at_++];
    }

    Node parse_choice(int depth) {
        if (depth > kDeepestGroup) throw PatternError("its groups are nested too deeply");
        std::vector<Node> branches;
        do branches.push_back(parse_sequence(depth));
        while (take('|'));
        return branches.size() == 1 ? std::move(branches.front()) : choice(std::move(branches));
    }

    // A branch of the whole pattern may be anchored; where it is not, anything may stand beside it.
    Node parse_sequence(int depth) {
        std::vector<Node> parts;
        const bool floats = depth == 0 && !whole_;
        if (floats && !take('^')) parts.push_back(repeat(characters(kAnything), 0, kEndless));
        bool anchored_end = false;
        while (at_ < text_.size() && !has('|') && !has(')')) {
            if (floats && take('$')) {
                anchored_end = true;
                if (at_ < text_.size() && !has('|')) throw PatternError("\"$\" is supported at the end only");
                break;
            }
            parts.push_back(parse_repeat(depth));
        }
        if (floats && !anchored_end) parts.push_back(repeat(characters(kAnything), 0, kEndless));
        return sequence(std::move(parts));
    }

    Node parse_repeat(int depth) {
        Node node = parse_atom(depth);
        while (true) {
            if (take('*')) {
                node = repeat(std::move(node), 0, kEndless);
            } else if (take('+')) {
                node = repeat(std::move(node), 1, kEndless);
            } else if (take('?')) {
                node = repeat(std::move(node), 0, 1);
            } else if (has('{')) {
                ++at_;
                const std::uint32_t least = parse_number();
                std::uint32_t most = least;
                if (take(',')) most = has('}') ? kEndless : parse_number();
                if (!take('}')) throw PatternError("a \"{\" is not closed by \"}\"");
                if (most < least) throw PatternError("a repetition's bounds are the wrong way round");
                node = repeat(std::move(node), least, most);
            } else {
                return node;
            }
            take('?');  // lazy or not, the language is the same
        }
    }

    std::uint32_t parse_number() {
        std::uint32_t value = 0;
        if (at_ == text_.size() || text_[at_] < '0' || text_[at_] > '9')
            throw PatternError("a number is missing behind \"{\"");
        while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
            value = value * 10 + (text_[at_++] - '0');
            if (value > kMostRepeats) throw PatternError("it repeats something more than 10,000 times");
        }
        return value;
    }

    Node parse_atom(int depth) {
        const char32_t c = take_any();
        switch (c) {
            case '(': {
                if (take('?')) {
                    if (take('<')) {
                        if (has('=') || has('!')) throw PatternError("lookbehind is not supported");
                        while (!take('>')) take_any();  // a name
                    } else if (!take(':')) {
                        throw PatternError("lookahead is not supported");
                    }
                }
                Node node = parse_choice(depth + 1);
                if (!take(')')) throw PatternError("a \"(\" is not closed");
                return node;
            }
            case '[':
                return characters(parse_class());
            case '.':
                return characters(complement(kLineEnds));
            case '\\':
                return characters(parse_escape(false));
            case '^':
            case '$':
                throw PatternError("\"^\" and \"$\" are supported at the ends only");
            case '*':
            case '+':
            case '?':
            case '{':
                throw PatternError("a repetition has nothing before it");
            default:
                return characters({{c, c}});
        }
    }

    Ranges parse_class() {
        const bool negated = take('^');
        Ranges ranges;
        while (!take(']')) {
            const char32_t c = take_any();
            Ranges first = c == '\\' ? parse_escape(true) : Ranges{{c, c}};
            const bool single = first.size() == 1 && first[0].first == first[0].last;
            if (single && has('-') && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
                ++at_;
                const char32_t d = take_any();
                const Ranges last = d == '\\' ? parse_escape(true) : Ranges{{d, d}};
                if (last.size() != 1 || last[0].first != last[0].last || last[0].first < first[0].first)
                    throw PatternError("a range inside [] is not from a lower to a higher character");
                first[0].last = last[0].first;
            }
            ranges.insert(ranges.end(), first.begin(), first.end());
        }
        return negated ? complement(std::move(ranges)) : ranges;
    }

    Ranges parse_escape(bool in_class) {
        const char32_t c = take_any();
        const auto one = [](char32_t value) { return Ranges{{value, value}}; };
        switch (c) {
            case 'd':
                return kDigits;
            case 'D':
                return complement(kDigits);
            case 'w':
                return kWord;
            case 'W':
                return complement(kWord);
            case 's':
                return kBlanks;
            case 'S':
                return complement(kBlanks);
            case 'n':
                return one('\n');
            case 'r':
                return one('\r');
            case 't':
                return one('\t');
            case 'f':
                return one('\f');
            case 'v':
                return one('\v');
            case '0':
                return one(0);
            case 'x':
                return one(parse_hex(2));
            case 'u':
                return one(parse_code_point());
            case 'b':
                if (in_class) return one('\b');
                throw PatternError("\"\\b\" is not supported");
            default:
                break;
        }
        const bool letter_or_digit =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (letter_or_digit)
            throw PatternError(std::string("\"\\") + static_cast<char>(c) + "\" is not supported");
        return one(c);
    }

    char32_t parse_hex(int digits) {
        char32_t value = 0;
        for (int i = 0; i < digits; ++i) {
            const char32_t c = take_any();
            const int digit = c >= '0' && c <= '9'   ? static_cast<int>(c - '0')
                              : c >= 'a' && c <= 'f' ? static_cast<int>(c - 'a') + 10
                              : c >= 'A' && c <= 'F' ? static_cast<int>(c - 'A') + 10
                                                     : -1;
            if (digit < 0) throw PatternError("an escape lacks hexadecimal digits");
            value = value * 16 + static_cast<char32_t>(digit);
        }
        return value;
    }

    char32_t parse_code_point() {
        if (!take('{')) return parse_hex(4);
        char32_t value = 0;
        while (!take('}')) {
            value = value * 16 + parse_hex(1);
            if (value > kLastCharacter) throw PatternError("an escape names no character");
        }
        return value;
    }

    std::u32string text_;
    bool whole_;
    std::size_t at_ = 0;
};

class NfaBuilder {
  public:
    CharacterNfa build(const Node& root) {
        nfa_.start = add_state();
        nfa_.end = emit(root, nfa_.start);
        return std::move(nfa_);
    }

  private:
    std::uint32_t add_state() {
        if (nfa_.states.size() >= CharacterNfa::kMostStates) throw PatternError("it needs too many states");
        nfa_.states.emplace_back();
        return static_cast<std::uint32_t>(nfa_.states.size() - 1);
    }
    void connect(std::uint32_t from, std::uint32_t to) { nfa_.states[from].empty.push_back(to); }

    // Adds `node` behind `from`; gives the state behind it.
    std::uint32_t emit(const Node& node, std::uint32_t from) {
        switch (node.kind) {
            case Node::Kind::characters: {
                const std::uint32_t to = add_state();
                nfa_.states[from].edges.push_back({node.characters, to});
                return to;
            }
            case Node::Kind::sequence:
                for (const Node& part : node.parts) from = emit(part, from);
                return from;
            case Node::Kind::choice: {
                const std::uint32_t to = add_state();
                for (const Node& part : node.parts) {
                    const std::uint32_t begin = add_state();
                    connect(from, begin);
                    connect(emit(part, begin), to);
                }
                return to;
            }
            case Node::Kind::repeat:
                return emit_repeat(node, from);
        }
        return from;
    }

    std::uint32_t emit_repeat(const Node& node, std::uint32_t from) {
        const Node& part = node.parts.front();
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

    CharacterNfa nfa_;
};

}  // namespace

CharacterNfa parse_pattern(std::string_view pattern) {
    return NfaBuilder().build(PatternParser(pattern, false).parse());
}

CharacterNfa parse_whole_pattern(std::string_view pattern) {
    return NfaBuilder().build(PatternParser(pattern, true).parse());
}

}  // namespace gptoss::grammar

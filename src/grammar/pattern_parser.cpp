// The text of a pattern -> its tree.
#include <algorithm>

#include "grammar/pattern_tree.h"

namespace gptoss::grammar {
namespace {

const CharacterRanges kAnything{{0, kLastCharacter}};
const CharacterRanges kDigits{{'0', '9'}};
const CharacterRanges kWord{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CharacterRanges kBlanks{{'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680},
                              {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                              {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const CharacterRanges kLineEnds{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

class PatternParser {
  public:
    PatternParser(std::string_view pattern, const PatternOptions& options)
        : text_(decode_utf8(pattern)), options_(options) {}

    Pattern parse() {
        Pattern node = parse_choice(0);
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

    Pattern parse_choice(int depth) {
        if (depth > static_cast<int>(limits::kPatternGroupDepth))
            throw BudgetExceeded("its groups are nested deeper than " +
                                 std::to_string(limits::kPatternGroupDepth) + " levels");
        std::vector<Pattern> branches;
        do branches.push_back(parse_sequence(depth));
        while (take('|'));
        return choice(std::move(branches));
    }

    // A branch of the whole pattern may be anchored; where it is not, anything may stand beside it.
    Pattern parse_sequence(int depth) {
        std::vector<Pattern> parts;
        const bool is_outermost = depth == 0;
        const bool floats = is_outermost && !options_.whole;
        const bool anchored_begin = is_outermost && take('^');
        if (floats && !anchored_begin) parts.push_back(repeat(characters(kAnything), 0, kEndless));
        bool anchored_end = false;
        for (skip_blanks(); at_ < text_.size() && !has('|') && !has(')'); skip_blanks()) {
            if (is_outermost && take('$')) {
                anchored_end = true;
                if (at_ < text_.size() && !has('|'))
                    throw UnsupportedPattern("\"$\" is supported at the end only");
                break;
            }
            parts.push_back(parse_repeat(depth));
        }
        if (floats && !anchored_end) parts.push_back(repeat(characters(kAnything), 0, kEndless));
        return sequence(std::move(parts));
    }

    Pattern parse_repeat(int depth) {
        Pattern part = parse_atom(depth);
        skip_blanks();
        std::uint32_t least = 0, most = kEndless;
        if (take('+')) {
            least = 1;
        } else if (take('?')) {
            most = 1;
        } else if (take('{')) {
            least = parse_number();
            most = !take(',') ? least : has('}') ? kEndless : parse_number();
            if (!take('}')) throw PatternError("a \"{\" is not closed by \"}\"");
            if (most < least) throw PatternError("a repetition's bounds are the wrong way round");
        } else if (!take('*')) {
            return part;
        }
        take('?');  // lazy or not, the language is the same
        skip_blanks();
        // An error in ECMA 262, too: "nothing to repeat".
        if (has('*') || has('+') || has('?') || has('{'))
            throw PatternError("a repetition follows a repetition; put the first one in a group");
        return repeat(std::move(part), least, most);
    }

    void skip_blanks() {
        if (!options_.skip_blanks) return;
        while (at_ < text_.size()) {
            if (take('#')) {
                while (at_ < text_.size() && text_[at_] != '\n') ++at_;
            } else if (text_[at_] == ' ' || (text_[at_] >= '\t' && text_[at_] <= '\r')) {
                ++at_;
            } else {
                return;
            }
        }
    }

    std::uint32_t parse_number() {
        std::uint32_t value = 0;
        if (at_ == text_.size() || text_[at_] < '0' || text_[at_] > '9')
            throw PatternError("a number is missing behind \"{\"");
        while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
            value = value * 10 + (text_[at_++] - '0');
            if (value > limits::kPatternRepeats)
                throw BudgetExceeded("it repeats something more than " +
                                     std::to_string(limits::kPatternRepeats) + " times");
        }
        return value;
    }

    Pattern parse_atom(int depth) {
        const char32_t c = take_any();
        switch (c) {
            case '(': {
                if (take('?')) {
                    const bool pythons_name = take('P');
                    if (take('<')) {
                        if (has('=') || has('!')) throw UnsupportedPattern("lookbehind is not supported");
                        while (!take('>')) take_any();  // a name
                    } else if (pythons_name || !take(':')) {
                        throw UnsupportedPattern(
                            has('=') || has('!') ? "lookahead is not supported"
                                                 : "flags and named references in groups are not supported");
                    }
                }
                Pattern group = parse_choice(depth + 1);
                if (!take(')')) throw PatternError("a \"(\" is not closed");
                return group;
            }
            case '[':
                return characters(cased(parse_class()));
            case '.':
                return characters(any_but_line_ends());
            case '\\':
                return characters(cased(parse_escape(false)));
            case '^':
            case '$':
                throw UnsupportedPattern("\"^\" and \"$\" are supported at the ends only");
            case '*':
            case '+':
            case '?':
            case '{':
                throw PatternError("a repetition has nothing before it");
            default:
                return characters(cased({{c, c}}));
        }
    }

    CharacterRanges cased(CharacterRanges ranges) const {
        return options_.ignore_case ? with_both_cases(std::move(ranges)) : ranges;
    }

    CharacterRanges any_but_line_ends() const {
        if (options_.dot_is_anything) return kAnything;
        return complement(options_.dot_is_all_but_newline ? CharacterRanges{{'\n', '\n'}} : kLineEnds);
    }

    CharacterRanges parse_class() {
        const bool negated = take('^');
        CharacterRanges ranges;
        while (!take(']')) {
            const char32_t c = take_any();
            if ((c == '[' && has(':')) || (c == '&' && has('&')))
                throw UnsupportedPattern("named classes and set operations inside [] are not supported");
            CharacterRanges first = c == '\\' ? parse_escape(true) : CharacterRanges{{c, c}};
            const bool single = first.size() == 1 && first[0].first == first[0].last;
            if (single && has('-') && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
                ++at_;
                const char32_t d = take_any();
                const CharacterRanges last = d == '\\' ? parse_escape(true) : CharacterRanges{{d, d}};
                if (last.size() != 1 || last[0].first != last[0].last || last[0].first < first[0].first)
                    throw PatternError("a range inside [] is not from a lower to a higher character");
                first[0].last = last[0].first;
            }
            ranges.insert(ranges.end(), first.begin(), first.end());
        }
        if (!negated) return ranges;
        return complement(options_.ignore_case ? with_both_cases(std::move(ranges)) : std::move(ranges));
    }

    CharacterRanges parse_escape(bool in_class) {
        const char32_t c = take_any();
        const auto one = [](char32_t value) { return CharacterRanges{{value, value}}; };
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
                throw UnsupportedPattern("\"\\b\" is not supported");
            default:
                break;
        }
        const bool letter_or_digit =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (letter_or_digit)
            throw UnsupportedPattern(std::string("\"\\") + static_cast<char>(c) + "\" is not supported");
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
    const PatternOptions& options_;
    std::size_t at_ = 0;
};

}  // namespace

Pattern parse_pattern_tree(std::string_view pattern, const PatternOptions& options) {
    if (pattern.size() > limits::kPatternBytes)
        throw BudgetExceeded("it is longer than " + std::to_string(limits::kPatternBytes) + " bytes");
    return PatternParser(pattern, options).parse();
}

}  // namespace gptoss::grammar

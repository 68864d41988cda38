#include "grammar/lark_reader.h"

#include <algorithm>

#include "grammar/lark_common.h"

namespace gptoss::grammar {
namespace {

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

class LarkReader {
  public:
    explicit LarkReader(std::string_view text) : text_(text) {}

    LarkGrammar read() {
        for (skip_blank_lines(); at_ < text_.size(); skip_blank_lines()) {
            if (take('%'))
                read_directive();
            else
                read_definition();
        }
        return std::move(grammar_);
    }

  private:
    [[noreturn]] void refuse(const std::string& why) const { throw LarkError(line_, why); }

    bool has(std::string_view what) const { return text_.substr(at_).starts_with(what); }
    bool take(char c) {
        if (at_ == text_.size() || text_[at_] != c) return false;
        advance();
        return true;
    }
    bool take(std::string_view what) {
        if (!has(what)) return false;
        for (std::size_t i = 0; i < what.size(); ++i) advance();
        return true;
    }
    char advance() {
        if (at_ == text_.size()) refuse("the grammar ends too early");
        if (text_[at_] == '\n') ++line_;
        return text_[at_++];
    }

    void skip_comment() {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    }
    // Blanks and comments; line ends too, inside brackets and where `lines` says so.
    void skip_blanks(bool lines = false) {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (has("//") || c == '#')
                skip_comment();
            else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' ||
                     (c == '\n' && (lines || brackets_ > 0)))
                advance();
            else
                return;
        }
    }
    void skip_blank_lines() { skip_blanks(true); }

    // A statement ends with its line, unless the next one begins with "|".
    bool at_end_of_statement() {
        skip_blanks();
        if (at_ == text_.size()) return true;
        if (text_[at_] != '\n') return false;
        const std::size_t at = at_;
        const int line = line_;
        skip_blank_lines();
        if (at_ < text_.size() && text_[at_] == '|') return false;
        at_ = at;
        line_ = line;
        return true;
    }

    std::string read_name() {
        const std::size_t begin = at_;
        while (at_ < text_.size() && is_name_character(text_[at_])) ++at_;
        if (at_ == begin) refuse("a name is missing");
        return std::string(text_.substr(begin, at_ - begin));
    }

    std::uint32_t read_number() {
        skip_blanks();
        std::uint32_t value = 0;
        if (at_ == text_.size() || text_[at_] < '0' || text_[at_] > '9') refuse("a number is missing");
        while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
            value = value * 10 + static_cast<std::uint32_t>(text_[at_++] - '0');
            if (value > limits::kPatternRepeats)
                refuse("a number is more than " + std::to_string(limits::kPatternRepeats));
        }
        return value;
    }

    void define(const std::string& name, LarkNode node) {
        if (grammar_.definitions.size() >= limits::kLarkRules)
            refuse("it has more than " + std::to_string(limits::kLarkRules) + " rules and terminals");
        if (!grammar_.definitions.emplace(name, std::move(node)).second)
            refuse("\"" + name + "\" is defined twice");
    }

    void read_definition() {
        while (take('?') || take('!')) {
        }  // how a tree is shaped; the texts are the same
        const std::string name = read_name();
        if (take('.')) read_number();  // a priority decides between readings of the same text
        skip_blanks();
        if (has("{")) refuse("templates are not supported");
        if (!take(':')) refuse("a \":\" is missing behind \"" + name + "\"");
        LarkNode node = read_choice(0);
        if (!at_end_of_statement()) refuse(std::string("\"") + text_[at_] + "\" is not expected here");
        define(name, std::move(node));
    }

    void read_directive() {
        const std::string name = read_name();
        skip_blanks();
        if (name == "ignore") {
            grammar_.ignored.push_back(read_choice(0));
        } else if (name == "import") {
            read_import();
        } else {
            refuse("%" + name + " is not supported");
        }
        if (!at_end_of_statement()) refuse("the line goes on behind %" + name);
    }

    // common.INT, common.INT -> NUMBER, common (INT, WS)
    void read_import() {
        std::string from = read_name();
        if (from != "common") refuse("%import is supported from \"common\" only");
        skip_blanks();
        if (take('(')) {
            ++brackets_;
            do {
                skip_blanks();
                const std::string name = read_name();
                import(name, name);
                skip_blanks();
            } while (take(','));
            --brackets_;
            if (!take(')')) refuse("a \"(\" is not closed");
            return;
        }
        if (!take('.')) refuse("a \".\" is missing behind \"common\"");
        const std::string name = read_name();
        skip_blanks();
        std::string as = name;
        if (take("->")) {
            skip_blanks();
            as = read_name();
        }
        import(name, as);
    }

    void import(const std::string& name, const std::string& as) {
        const auto pattern = lark_common(name);
        if (!pattern) refuse("\"common\" has no terminal \"" + name + "\"");
        PatternOptions options;
        options.whole = true;
        define(as, pattern_node(parse_pattern_tree(*pattern, options)));
    }

    LarkNode node(LarkNode::Kind kind) const {
        LarkNode made;
        made.kind = kind;
        made.line = line_;
        return made;
    }
    LarkNode pattern_node(Pattern pattern) const {
        LarkNode made = node(LarkNode::Kind::pattern);
        made.pattern = std::move(pattern);
        return made;
    }

    LarkNode read_choice(int depth) {
        if (depth > static_cast<int>(limits::kLarkDepth))
            refuse("brackets are nested deeper than " + std::to_string(limits::kLarkDepth) + " levels");
        LarkNode choice = node(LarkNode::Kind::choice);
        do choice.parts.push_back(read_sequence(depth));
        while (!at_end_of_statement() && take('|'));
        if (choice.parts.size() > 1) return choice;
        LarkNode only = std::move(choice.parts.front());
        return only;
    }

    LarkNode read_sequence(int depth) {
        LarkNode sequence = node(LarkNode::Kind::sequence);
        while (!at_end_of_statement() && !has("|") && !has(")") && !has("]")) {
            if (take("->")) {  // names a branch of the tree; the texts are the same
                skip_blanks();
                read_name();
                break;
            }
            sequence.parts.push_back(read_repeat(depth));
        }
        return sequence;
    }

    LarkNode read_repeat(int depth) {
        LarkNode item = read_atom(depth);
        skip_blanks();
        std::uint32_t least = 0, most = kEndless;
        if (take('?')) {
            most = 1;
        } else if (take('+')) {
            least = 1;
        } else if (take('~')) {
            least = most = read_number();
            skip_blanks();
            if (take("..")) most = read_number();
            if (most < least) refuse("a repetition's bounds are the wrong way round");
        } else if (!take('*')) {
            return item;
        }
        return repeated(std::move(item), least, most);
    }

    LarkNode repeated(LarkNode item, std::uint32_t least, std::uint32_t most) const {
        LarkNode made = node(LarkNode::Kind::repeat);
        made.parts.push_back(std::move(item));
        made.least = least;
        made.most = most;
        return made;
    }

    LarkNode read_atom(int depth) {
        if (take('(')) return read_group(depth, ')');
        if (take('[')) return repeated(read_group(depth, ']'), 0, 1);
        if (has("\"")) return read_text();
        if (take('/')) return read_regex();
        LarkNode made = node(LarkNode::Kind::name);
        if (at_ < text_.size() && !is_name_character(text_[at_]))
            refuse(std::string("\"") + text_[at_] + "\" is not expected here");
        made.text = read_name();
        if (has("{")) refuse("templates are not supported");
        return made;
    }

    LarkNode read_group(int depth, char close) {
        ++brackets_;
        LarkNode group = read_choice(depth + 1);
        skip_blanks();
        --brackets_;
        if (!take(close)) refuse(std::string("a \"") + close + "\" is missing");
        return group;
    }

    // "text", "text"i, "a".."z"
    LarkNode read_text() {
        const std::u32string text = read_quoted();
        if (has("..")) {
            take("..");
            if (!has("\"")) refuse("a range ends without a character");
            const std::u32string last = read_quoted();
            if (text.size() != 1 || last.size() != 1 || last[0] < text[0])
                refuse("a range is not from a lower to a higher character");
            return pattern_node(characters({{text[0], last[0]}}));
        }
        if (has("i") && !(at_ + 1 < text_.size() && is_name_character(text_[at_ + 1]))) {
            take('i');
            return pattern_node(literal_text(text, true));
        }
        return pattern_node(literal_text(text, false));
    }

    std::u32string read_quoted() {
        take('"');
        std::string raw;
        while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n') {
            if (text_[at_] == '\\') raw += advance();
            raw += advance();
        }
        if (!take('"')) refuse("a text is not closed by a quote");
        return unescaped(decode_utf8(raw));
    }

    std::u32string unescaped(std::u32string_view raw) const {
        std::u32string out;
        for (std::size_t i = 0; i < raw.size(); ++i) {
            if (raw[i] != '\\' || i + 1 == raw.size()) {
                out += raw[i];
                continue;
            }
            const char32_t c = raw[++i];
            const std::u32string_view names = U"nrtfvba0", values = U"\n\r\t\f\v\b\a\0";
            const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
            if (digits > 0) {
                out += read_hex(raw.substr(i + 1, digits), digits);
                i += digits;
            } else if (const auto known = names.find(c); known != std::u32string_view::npos) {
                out += known == 7 ? U'\0' : values[known];
            } else {
                out += c;
            }
        }
        return out;
    }

    char32_t read_hex(std::u32string_view digits, std::size_t count) const {
        char32_t value = 0;
        for (const char32_t c : digits) {
            const int digit = c >= '0' && c <= '9'   ? static_cast<int>(c - '0')
                              : c >= 'a' && c <= 'f' ? static_cast<int>(c - 'a') + 10
                              : c >= 'A' && c <= 'F' ? static_cast<int>(c - 'A') + 10
                                                     : -1;
            if (digit < 0 || value > 0x10FFFF) refuse("an escape names no character");
            value = value * 16 + static_cast<char32_t>(digit);
        }
        if (digits.size() != count || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000))
            refuse("an escape names no character");
        return value;
    }

    LarkNode read_regex() {
        std::string pattern;
        while (at_ < text_.size() && text_[at_] != '/' && text_[at_] != '\n') {
            if (text_[at_] == '\\') pattern += advance();
            pattern += advance();
        }
        if (!take('/')) refuse("a regular expression is not closed by \"/\"");
        PatternOptions options;
        options.whole = true;
        options.dot_is_all_but_newline = true;
        for (; at_ < text_.size() && is_name_character(text_[at_]); advance()) {
            switch (text_[at_]) {
                case 'i':
                    options.ignore_case = true;
                    break;
                case 's':
                    options.dot_is_anything = true;
                    break;
                case 'x':
                    options.skip_blanks = true;
                    break;
                case 'm':
                case 'u':
                    break;
                default:
                    refuse(std::string("the flag \"") + text_[at_] + "\" is not supported");
            }
        }
        try {
            return pattern_node(parse_pattern_tree(pattern, options));
        } catch (const PatternError& error) {
            refuse("the regular expression cannot be held, because " + std::string(error.what()));
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
    int line_ = 1;
    int brackets_ = 0;
    LarkGrammar grammar_;
};

}  // namespace

bool is_terminal_name(std::string_view name) {
    const auto first = name.find_first_not_of('_');
    return first != std::string_view::npos && name[first] >= 'A' && name[first] <= 'Z';
}

LarkGrammar read_lark(std::string_view text) {
    return LarkReader(text).read();
}

}  // namespace gptoss::grammar

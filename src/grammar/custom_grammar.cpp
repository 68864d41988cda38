#include "grammar/custom_grammar.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "grammar/grammar_builder.h"
#include "grammar/lark_reader.h"

namespace gptoss::grammar {
namespace {

constexpr std::uint32_t kDeepestRule = 1000;

[[noreturn]] void refuse(const GrammarOrigin& origin, const std::string& why) {
    Error::Facts facts;
    if (!origin.param.empty()) facts.emplace_back("param", origin.param);
    throw Error(
        ErrorCode::request_invalid, "The grammar of " + origin.where + " cannot be held: " + why + ".",
        "docs/grammar.md lists what of Lark and of regular expressions is supported.", std::move(facts));
}

class LarkCompiler {
  public:
    LarkCompiler(LarkGrammar source, Budget& budget) : source_(std::move(source)), builder_(budget) {}

    Grammar compile() {
        const auto start = source_.definitions.find("start");
        if (start == source_.definitions.end()) throw LarkError(1, "there is no rule \"start\"");
        if (!source_.ignored.empty()) {
            std::vector<Pattern> ignored;
            for (const LarkNode& node : source_.ignored) ignored.push_back(pattern_of(node, 0));
            ignored_ = builder_.add_dfa(to_dfa(repeat(choice(std::move(ignored)), 0, kEndless)));
        }
        builder_.grammar.start = builder_.add_state();
        const GrammarState behind = builder_.add_state();
        builder_.rule(builder_.grammar.start, rule("start", start->second.line), behind, kDeepestRule);
        skip_ignored(behind, builder_.add_rule_end());
        while (!open_.empty()) {
            const std::string name = open_.back();
            open_.pop_back();
            emit_rule(name, source_.definitions.at(name));
        }
        if (builder_.grammar.has_left_recursion())
            throw LarkError(1,
                            "some rule begins with itself by way of another one (indirect left recursion); "
                            "write it as a repetition");
        if (!builder_.grammar.trim()) throw LarkError(1, "no text satisfies it");
        return std::move(builder_.grammar);
    }

  private:
    ByteDfa to_dfa(const Pattern& pattern) {
        return to_bytes(to_nfa(pattern, builder_.budget()), Spelling::plain, builder_.budget());
    }

    const LarkNode& definition(const LarkNode& name) const {
        const auto found = source_.definitions.find(name.text);
        if (found == source_.definitions.end())
            throw LarkError(name.line, "\"" + name.text + "\" is not defined");
        return found->second;
    }

    // Terminals are regular: everything they are made of is put into one pattern.
    Pattern pattern_of(const LarkNode& node, int depth) {
        if (depth > static_cast<int>(limits::kLarkDepth))
            throw LarkError(node.line, "terminals are nested deeper than " +
                                           std::to_string(limits::kLarkDepth) + " levels");
        builder_.budget().spend_steps(1);
        const auto parts = [&] {
            std::vector<Pattern> patterns;
            for (const LarkNode& part : node.parts) patterns.push_back(pattern_of(part, depth + 1));
            return patterns;
        };
        switch (node.kind) {
            case LarkNode::Kind::choice:
                return choice(parts());
            case LarkNode::Kind::sequence:
                return sequence(parts());
            case LarkNode::Kind::repeat:
                return repeat(parts().front(), node.least, node.most);
            case LarkNode::Kind::pattern:
                return node.pattern;
            case LarkNode::Kind::name:
                break;
        }
        if (!is_terminal_name(node.text))
            throw LarkError(node.line, "a terminal refers to the rule \"" + node.text + "\"");
        if (const auto known = patterns_.find(node.text); known != patterns_.end()) return known->second;
        if (!being_read_.insert(node.text).second)
            throw LarkError(node.line, "the terminal \"" + node.text + "\" is made of itself");
        Pattern made = pattern_of(definition(node), depth + 1);
        being_read_.erase(node.text);
        return patterns_[node.text] = std::move(made);
    }

    GrammarState rule(const std::string& name, int line) {
        const auto known = rules_.find(name);
        if (known != rules_.end()) return known->second;
        if (!source_.definitions.contains(name)) throw LarkError(line, "\"" + name + "\" is not defined");
        open_.push_back(name);
        return rules_[name] = builder_.add_state();
    }

    void emit_rule(const std::string& name, const LarkNode& body) {
        const GrammarState begin = rules_.at(name), end = builder_.add_rule_end();
        // expr: expr "+" term | term becomes term ("+" term)*.
        std::vector<const LarkNode*> repeated, others;
        const bool is_choice = body.kind == LarkNode::Kind::choice;
        for (std::size_t i = 0; i < (is_choice ? body.parts.size() : 1); ++i) {
            const LarkNode& branch = is_choice ? body.parts[i] : body;
            (begins_with(branch, name) ? repeated : others).push_back(&branch);
        }
        const GrammarState loop = repeated.empty() ? end : builder_.add_state();
        for (const LarkNode* branch : others) builder_.connect(emit(*branch, begin), loop);
        if (repeated.empty()) return;
        builder_.connect(loop, end);
        for (const LarkNode* branch : repeated) {
            if (branch->kind == LarkNode::Kind::name) continue;  // "expr: expr" says nothing
            GrammarState at = loop;
            for (std::size_t i = 1; i < branch->parts.size(); ++i) at = emit(branch->parts[i], at);
            builder_.connect(at, loop);
        }
    }

    static bool begins_with(const LarkNode& branch, const std::string& name) {
        if (branch.kind == LarkNode::Kind::name) return branch.text == name;
        return branch.kind == LarkNode::Kind::sequence && !branch.parts.empty() &&
               branch.parts.front().kind == LarkNode::Kind::name && branch.parts.front().text == name;
    }

    // Adds `node` behind `from`; gives the state behind it.
    GrammarState emit(const LarkNode& node, GrammarState from) {
        switch (node.kind) {
            case LarkNode::Kind::choice: {
                const GrammarState to = builder_.add_state();
                for (const LarkNode& part : node.parts) builder_.connect(emit(part, from), to);
                return to;
            }
            case LarkNode::Kind::sequence:
                for (const LarkNode& part : node.parts) from = emit(part, from);
                return from;
            case LarkNode::Kind::repeat:
                return emit_repeat(node, from);
            case LarkNode::Kind::pattern:
                return emit_terminal(node.pattern, from);
            case LarkNode::Kind::name:
                break;
        }
        if (is_terminal_name(node.text)) return emit_terminal(pattern_of(node, 0), from);
        const GrammarState to = builder_.add_state();
        builder_.rule(from, rule(node.text, node.line), to, kDeepestRule);
        return to;
    }

    GrammarState emit_repeat(const LarkNode& node, GrammarState from) {
        const LarkNode& part = node.parts.front();
        for (std::uint32_t i = 0; i < node.least; ++i) from = emit(part, from);
        if (node.most == kEndless) {
            const GrammarState loop = builder_.add_state();
            builder_.connect(from, loop);
            builder_.connect(emit(part, loop), loop);
            return loop;
        }
        const GrammarState to = builder_.add_state();
        for (std::uint32_t i = node.least; i < node.most; ++i) {
            builder_.connect(from, to);
            from = emit(part, from);
        }
        builder_.connect(from, to);
        return to;
    }

    GrammarState emit_terminal(const Pattern& pattern, GrammarState from) {
        const GrammarState begin = builder_.add_state(), to = builder_.add_state();
        skip_ignored(from, begin);
        auto known = dfas_.find(pattern);
        if (known == dfas_.end()) known = dfas_.emplace(pattern, builder_.add_dfa(to_dfa(pattern))).first;
        builder_.dfa(begin, known->second, to);
        return to;
    }

    void skip_ignored(GrammarState from, GrammarState to) {
        if (ignored_)
            builder_.dfa(from, *ignored_, to);
        else
            builder_.connect(from, to);
    }

    const LarkGrammar source_;
    GrammarBuilder builder_;
    std::map<std::string, GrammarState> rules_;
    std::vector<std::string> open_;            // rules that are referred to and not yet emitted
    std::map<std::string, Pattern> patterns_;  // of terminals
    std::set<std::string> being_read_;         // terminals
    std::map<Pattern, std::uint32_t> dfas_;
    std::optional<std::uint32_t> ignored_;
};

// "(?is)pattern" -> its flags, and the pattern alone.
PatternOptions take_flags(std::string_view& pattern) {
    PatternOptions options;
    options.whole = true;
    options.dot_is_all_but_newline = true;
    if (!pattern.starts_with("(?")) return options;
    const auto end = pattern.find_first_not_of("isxmuU", 2);
    if (end == 2 || end == std::string_view::npos || pattern[end] != ')') return options;
    const std::string_view flags = pattern.substr(2, end - 2);
    options.ignore_case = flags.find('i') != std::string_view::npos;
    options.dot_is_anything = flags.find('s') != std::string_view::npos;
    options.skip_blanks = flags.find('x') != std::string_view::npos;
    pattern.remove_prefix(end + 1);
    return options;
}

}  // namespace

Grammar compile_regex(std::string_view definition, const GrammarOrigin& origin, Budget& budget) {
    try {
        const PatternOptions options = take_flags(definition);
        GrammarBuilder builder(budget);
        builder.grammar.start = builder.add_state();
        const std::uint32_t dfa =
            builder.add_dfa(to_bytes(parse_pattern(definition, options, budget), Spelling::plain, budget));
        builder.dfa(builder.grammar.start, dfa, builder.add_rule_end());
        if (!builder.grammar.trim()) refuse(origin, "no text matches it");
        return std::move(builder.grammar);
    } catch (const PatternError& error) {
        refuse(origin, std::string("the regular expression is not supported, because ") + error.what());
    } catch (const BudgetExceeded& error) {
        refuse(origin, error.what());
    }
}

Grammar compile_lark(std::string_view definition, const GrammarOrigin& origin, Budget& budget) {
    if (definition.size() > limits::kLarkBytes)
        refuse(origin, "it is longer than " + std::to_string(limits::kLarkBytes) + " bytes");
    try {
        return LarkCompiler(read_lark(definition), budget).compile();
    } catch (const LarkError& error) {
        refuse(origin, error.what());
    } catch (const PatternError& error) {
        refuse(origin, std::string("one of its terminals is not supported, because ") + error.what());
    } catch (const BudgetExceeded& error) {
        refuse(origin, error.what());
    }
}

}  // namespace gptoss::grammar

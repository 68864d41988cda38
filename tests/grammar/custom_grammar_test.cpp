#include "grammar/custom_grammar.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "grammar/progress.h"

namespace gptoss::grammar {
namespace {

bool is_text_of(const Grammar& grammar, std::string_view text) {
    return step(grammar, begin(grammar), text).complete;
}

struct Case {
    const char* definition;
    std::vector<const char*> accepted;
    std::vector<const char*> refused;
};

void check_cases(std::span<const Case> cases,
                 Grammar (*compile)(std::string_view, const GrammarOrigin&, Budget&)) {
    for (const Case& one : cases) {
        Budget budget;
        const Grammar grammar = compile(one.definition, {"the test", ""}, budget);
        for (const char* text : one.accepted)
            EXPECT_TRUE(is_text_of(grammar, text)) << one.definition << "\n" << text;
        for (const char* text : one.refused)
            EXPECT_FALSE(is_text_of(grammar, text)) << one.definition << "\n" << text;
    }
}

TEST(Regex, IsTheWholeText) {
    const Case cases[] = {
        {R"([a-z]+@[a-z]+\.com)", {"ab@cd.com"}, {"ab@cd.com ", "", "AB@cd.com"}},
        {R"(^\d{3}-\d{4}$)", {"555-1234"}, {"5555-1234"}},
        {R"((?i)select\s+\*)", {"SELECT *", "select   *"}, {"selec *"}},
        {"a.b", {"axb", "a\rb", "aéb"}, {"a\nb"}},
        {"(?s)a.b", {"a\nb"}, {"ab"}},
        {"(?x) a b # words\n c", {"abc"}, {"a b c"}},
        {"(?P<year>[0-9]{4})", {"2026"}, {"26"}},
        {"(yes|no|)", {"yes", "no", ""}, {"y"}},
        {"[^\"\\\\]*", {"any text\n", ""}, {"\"", "\\"}},
    };
    check_cases(cases, compile_regex);
}

// OpenAI's own examples of both kinds, and each feature of Lark that docs/grammar.md lists.
TEST(Lark, HoldsWhatItSays) {
    const Case cases[] = {
        {R"(
start: expr
expr: term (SP ADD SP term)* -> add
    | term
term: factor (SP MUL SP factor)* -> mul
    | factor
factor: INT
SP: " "
ADD: "+"
MUL: "*"
%import common.INT
)",
         {"4 + 4", "12", "1 + 2 * 3"},
         {"4+4", "4 +", "a"}},
        {R"(
// a patch, as Codex writes it
start: begin_patch hunk+ end_patch
begin_patch: "*** Begin Patch" LF
end_patch: "*** End Patch" LF?
hunk: add_hunk | delete_hunk | update_hunk
add_hunk: "*** Add File: " filename LF add_line+
delete_hunk: "*** Delete File: " filename LF
update_hunk: "*** Update File: " filename LF change_move? change?
filename: /(.+)/
add_line: "+" /(.*)/ LF -> line
change_move: "*** Move to: " filename LF
change: (change_context | change_line)+ eof_line?
change_context: ("@@" | "@@ " /(.+)/) LF
change_line: ("+" | "-" | " ") /(.*)/ LF
eof_line: "*** End of File" LF
%import common.LF
)",
         {"*** Begin Patch\n*** Add File: a.txt\n+hello\n+\n*** End Patch\n",
          "*** Begin Patch\n*** Update File: a\n@@ f\n-x\n+y\n*** End Patch",
          "*** Begin Patch\n*** Delete File: a b\n*** End Patch"},
         {"*** Begin Patch\n*** End Patch", "*** Begin Patch\n*** Add File: a\nhello\n*** End Patch"}},
        {"start: expr\nexpr: expr \"+\" num | num\nnum: /[0-9]+/", {"1", "1+2+3"}, {"+1", "1+", ""}},
        {"start: \"a\"~2..3 \"b\"~2 [\"c\"]", {"aabb", "aaabbc"}, {"abb", "aabbcc"}},
        {"start: WORD+\n%ignore \" \"\n%import common.WORD", {"a b  c", " a ", "ab"}, {"", "1"}},
        {"start: \"if\"i COND\nCOND: \"a\"..\"c\" | DIGIT \"!\"?\n%import common (DIGIT, LF)",
         {"IFb", "if7", "iF7!"},
         {"ifd", "if!"}},
        {"?start: pair\n!pair.2: KEY \":\" value\nKEY.1: /[a-z]+/i\nvalue: ESCAPED_STRING | \"[\" [value "
         "(\",\" "
         "value)*] \"]\"\n%import common.ESCAPED_STRING",
         {"A:\"x\"", "k:[\"a\",[],\"b\\\"c\"]"},
         {"k:", "k:[\"a\",]"}},
        {"start: (\"a\" |\n   \"b\")\n\n   | \"c\" // or so\n# the end", {"a", "b", "c"}, {"ab"}},
        {"start: \"\\u00e9\\n\\x41\\\"\"", {"é\nA\""}, {"é"}},
        {"start: a b?\na: \"x\" | \nb: \"y\"", {"", "x", "xy", "y"}, {"yx"}},
        {"start: item*\nitem: \"(\" start \")\"", {"", "()", "(()())"}, {"(", "())"}},
        {"start: NUM\n%import common.SIGNED_NUMBER -> NUM", {"-1.5e10", "+3"}, {"1e"}},
    };
    check_cases(cases, compile_lark);
}

TEST(Lark, SaysWhatItCannotHoldAndWhere) {
    const std::pair<const char*, const char*> cases[] = {
        {"begin: \"a\"", "no rule \"start\""},
        {"start: foo", "line 1: \"foo\" is not defined"},
        {"start: \"a\"\n\nstart: \"b\"", "line 3: \"start\" is defined twice"},
        {"start: sep{\"a\"}", "templates"},
        {"start: /(?=a)b/", "line 1: the regular expression cannot be held, because lookahead"},
        {"start: /a\\bc/", "\\b"},
        {"start: a\na: b \"x\" | \"y\"\nb: a", "left recursion"},
        {"%declare INDENT\nstart: \"a\"", "line 1: %declare"},
        {"%import python.NAME\nstart: NAME", "common"},
        {"%import common.FOO\nstart: FOO", "line 1: \"common\" has no terminal \"FOO\""},
        {"start: \"a\" )", "line 1"},
        {"start: (\"a\"", "\")\" is missing"},
        {"start: \"a", "not closed"},
        {"start: A\nA: rule\nrule: \"a\"", "line 2: a terminal refers to the rule"},
        {"start: A\nA: A \"a\"", "made of itself"},
        {"start: a\na: \"x\" a", "no text satisfies it"},
    };
    for (const auto& [definition, expected] : cases) {
        try {
            Budget budget;
            compile_lark(definition, {"the tool \"f\"", "tools[0].format"}, budget);
            ADD_FAILURE() << definition << " was accepted";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::request_invalid);
            EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << definition << "\n"
                                                                                   << error.what();
            EXPECT_EQ(error.facts(), (Error::Facts{{"param", "tools[0].format"}}));
        }
    }
}

TEST(Regex, SaysWhatItCannotHold) {
    for (const char* pattern :
         {"(", "a**", "(?=a)", "\\bword", "(?<!a)b", "[[:alpha:]]", "[a-z&&[^b]]", "a(?i)b", "[]"}) {
        Budget budget;
        EXPECT_THROW(compile_regex(pattern, {"the test", ""}, budget), Error) << pattern;
    }
}

}  // namespace
}  // namespace gptoss::grammar

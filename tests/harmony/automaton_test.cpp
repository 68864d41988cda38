#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/error.h"
#include "harmony/constraint.h"
#include "support/constraint_walk.h"
#include "support/rounds.h"
#include "support/small_vocabulary.h"
#include "transcript.h"

namespace gptoss::harmony {
namespace {

using test::allowed_tokens;
using test::allows;
using test::refused_rest;
using test::small_tokenizer;
using test::spelled;
using test::tokens_of;

ConstraintFactory& factory() {
    static ConstraintFactory factory(small_tokenizer());
    return factory;
}

ConstraintOptions with_tools(ToolUse use = ToolUse::automatic) {
    ConstraintOptions options;
    options.tools = {{"get_weather", "", nullptr}, {"get", "", nullptr}, {"search", "", nullptr}};
    options.tool_use = use;
    return options;
}

std::string refused(const ConstraintOptions& options, std::string_view text) {
    const auto constraint = factory().make(options);
    const auto bytewise = factory().make(options);
    const std::string rest = refused_rest(*constraint, tokens_of(text));
    // However the text is cut, the same part of it is allowed (byte by byte the refusal comes later, not
    // earlier).
    const std::string rest_bytewise = refused_rest(*bytewise, test::cut_into_bytes(tokens_of(text)));
    EXPECT_EQ(rest.empty(), rest_bytewise.empty()) << text;
    return rest;
}

TEST(Automaton, AllowsEveryProperTurn) {
    for (const char* text : {
             "<|channel|>analysis<|message|>Easy<|end|><|start|>assistant<|channel|>final<|message|>Hello<|"
             "return|>",
             "<|channel|>final<|message|>Hello world<|return|>",
             " to=functions.get_weather<|channel|>commentary <|constrain|>json<|message|>{}<|call|>",
             " to=functions.get<|channel|>commentary<|message|>{}<|call|>",
             "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{}<|call|>",
             "<|channel|>commentary to=functions.get<|constrain|>json<|message|>{}<|call|>",
             "<|channel|>commentary to=functions.search json<|message|>{}<|call|>",
             "<|channel|>commentary<|message|>I look<|end|><|start|>assistant "
             "to=functions.search<|channel|>commentary"
             "<|message|>{}<|call|>",
         })
        EXPECT_EQ(refused(with_tools(), text), "") << text;
}

TEST(Automaton, RefusesMalformedHeaders) {
    const std::pair<const char*, const char*> cases[] = {
        {"Hello", "Hello"},
        {"<|message|>Hello", "<|message|>Hello"},
        {"<|channel|>thoughts<|message|>", "thoughts<|message|>"},
        {"<|channel|>analysis to=functions.search<|message|>", " to=functions.search<|message|>"},
        {"<|channel|>commentary to=functions.launch<|message|>", "launch<|message|>"},
        {"<|channel|>commentary to=functions.get_weatherjson<|message|>", "json<|message|>"},
        {"<|channel|>commentary to=get<|message|>", "get<|message|>"},
        {"<|channel|>final<|channel|>final", "<|channel|>final"},
        {"<|channel|>final <|constrain|>json<|message|>", " <|constrain|>json<|message|>"},
        {"<|channel|>analysis<|message|>Easy<|return|>", "<|return|>"},
        {"<|channel|>analysis<|message|>Easy<|call|>", "<|call|>"},
        {"<|channel|>analysis<|message|>Easy<|end|>Hello", "Hello"},
        {"<|channel|>analysis<|message|>Easy<|end|><|start|>user", "user"},
        {"<|channel|>final<|message|>Hello<|end|>", "<|end|>"},
        {"<|channel|>final<|message|>Hello<|start|>", "<|start|>"},
        {"<|channel|>final<|message|>Hello<|return|><|start|>", "<|start|>"},
        {" to=functions.search<|channel|>commentary<|message|>{}<|call|><|start|>", "<|start|>"},
    };
    for (const auto& [text, rest] : cases) {
        const std::string actual = refused(with_tools(), text);
        EXPECT_TRUE(std::string_view(actual).ends_with(rest) || std::string_view(rest).ends_with(actual))
            << text << " -> " << actual;
        EXPECT_FALSE(actual.empty()) << text;
    }
}

TEST(Automaton, MasksMarkersInsideContent) {
    const auto constraint = factory().make(with_tools());
    ASSERT_EQ(refused_rest(*constraint, tokens_of("<|channel|>final<|message|>Hello")), "");
    const SpecialTokens& special = small_tokenizer().special();
    for (TokenId token = 0; token < small_tokenizer().vocabulary_size(); ++token)
        EXPECT_EQ(allows(*constraint, token),
                  !small_tokenizer().is_special(token) || token == special.return_)
            << token;
}

TEST(Automaton, ToolUseNoneHidesCallsAndPreambles) {
    EXPECT_NE(refused(with_tools(ToolUse::none), " to=functions.search<|channel|>"), "");
    EXPECT_NE(refused(with_tools(ToolUse::none), "<|channel|>commentary"), "");
    EXPECT_EQ(refused(with_tools(ToolUse::none), "<|channel|>final<|message|>Hello<|return|>"), "");
    EXPECT_NE(refused({}, "<|channel|>commentary"), "") << "no tools at all";
}

TEST(Automaton, ToolUseRequiredAllowsNoAnswerWithoutACall) {
    const auto options = with_tools(ToolUse::required);
    EXPECT_NE(refused(options, "<|channel|>final"), "");
    EXPECT_NE(refused(options, "<|channel|>analysis<|message|>Easy<|end|><|start|>assistant<|channel|>final"),
              "");
    EXPECT_EQ(refused(options,
                      "<|channel|>analysis<|message|>Easy<|end|><|start|>assistant "
                      "to=functions.get<|channel|>commentary<|message|>{}<|call|>"),
              "");
}

TEST(Automaton, ToolUseNamedAllowsThatFunctionOnly) {
    auto options = with_tools(ToolUse::named);
    options.named_function = "get";
    EXPECT_EQ(refused(options, " to=functions.get<|channel|>commentary<|message|>{}<|call|>"), "");
    EXPECT_NE(refused(options, " to=functions.get_weather<|channel|>commentary<|message|>"), "");
    EXPECT_NE(refused(options, "<|channel|>final"), "");
    options.named_function = "launch";
    EXPECT_THROW(factory().make(options), Error);
    EXPECT_THROW(factory().make({.tool_use = ToolUse::required}), Error);
}

TEST(Automaton, CallsFollowOneAnotherOnRequestOnly) {
    const std::string one = " to=functions.get<|channel|>commentary<|message|>{}<|call|>";
    auto options = with_tools();
    EXPECT_EQ(refused(options, one + "<|start|>"), "<|start|>");
    options.parallel_calls = true;
    EXPECT_EQ(refused(options, one + "<|start|>assistant" + one + "<|start|>assistant" + one + "<|return|>"),
              "");
    EXPECT_NE(refused(options, one + "<|start|>assistant<|channel|>final<|message|>"), "");
    EXPECT_NE(refused(options, one + "<|start|>assistant<|channel|>analysis<|message|>"), "");
}

TEST(Automaton, NothingFollowsTheEndOfATurn) {
    const auto constraint = factory().make(with_tools());
    ASSERT_EQ(refused_rest(*constraint, tokens_of("<|channel|>final<|message|>Hello<|return|>")), "");
    EXPECT_TRUE(allowed_tokens(*constraint).empty());
}

TEST(Automaton, AnEmptyReasoningBudgetGoesStraightToTheAnswer) {
    ConstraintOptions options;
    options.max_reasoning_tokens = 0;
    EXPECT_NE(refused(options, "<|channel|>analysis"), "");
    EXPECT_EQ(refused(options, "<|channel|>final<|message|>Hello<|return|>"), "");
}

TEST(Automaton, ASpentReasoningBudgetForcesTheAnswer) {
    ConstraintOptions options;
    options.max_reasoning_tokens = 10;
    const auto constraint = factory().make(options);
    // 3 of header, 6 of content, <|end|>.
    ASSERT_EQ(refused_rest(*constraint, tokens_of("<|channel|>analysis<|message|>aaaaaa")), "");
    std::string forced;
    for (const char* expected : {"<|end|>", "<|start|>"}) {
        EXPECT_EQ(spelled(allowed_tokens(*constraint)), expected);
        constraint->accept(allowed_tokens(*constraint).front());
    }
    for (int i = 0; i < 40 && forced.find("<|message|>") == std::string::npos; ++i) {
        TokenId longest = -1;  // several cuts of one text are allowed, but only one text
        for (const TokenId token : allowed_tokens(*constraint))
            if (longest < 0 ||
                small_tokenizer().bytes(token).size() > small_tokenizer().bytes(longest).size())
                longest = token;
        ASSERT_GE(longest, 0);
        forced += small_tokenizer().bytes(longest);
        constraint->accept(longest);
    }
    EXPECT_EQ(forced, "assistant<|channel|>final<|message|>");
}

TEST(Automaton, ASpentReasoningBudgetLeavesCallsOpen) {
    auto options = with_tools();
    options.max_reasoning_tokens = 6;
    EXPECT_EQ(refused(options, "<|channel|>final<|message|>Hello<|return|>"), "");
    const auto constraint = factory().make(options);
    ASSERT_EQ(refused_rest(*constraint, tokens_of("<|channel|>analysis<|message|>aa")), "");
    EXPECT_EQ(spelled(allowed_tokens(*constraint)), "<|end|>");
    EXPECT_EQ(
        refused_rest(
            *constraint,
            tokens_of(
                "<|end|><|start|>assistant to=functions.get<|channel|>commentary<|message|>{}<|call|>")),
        "");
}

TEST(Automaton, PlainContentNeedsNoWaiting) {
    auto options = with_tools();
    const auto constraint = factory().make(options);
    EXPECT_TRUE(constraint->depends_on_last_token());
    refused_rest(*constraint, tokens_of("<|channel|>analysis<|message|>"));
    constraint->allowed();
    const auto id = constraint->allowed_id();
    EXPECT_NE(id, 0u);
    EXPECT_FALSE(constraint->depends_on_last_token());
    refused_rest(*constraint, tokens_of("Hello world"));
    constraint->allowed();
    EXPECT_EQ(constraint->allowed_id(), id);
    constraint->accept(small_tokenizer().special().end);
    constraint->allowed();
    EXPECT_NE(constraint->allowed_id(), id);
}

TEST(Automaton, TokensThatWereNotAllowedAreTakenAllTheSame) {
    std::mt19937 random(3);
    for (int round = 0; round < test::rounds(2000); ++round) {
        auto options = with_tools();
        options.parallel_calls = round % 2 == 0;
        options.max_reasoning_tokens = 8;
        const auto constraint = factory().make(options);
        for (int i = 0; i < 50; ++i) {
            constraint->accept(static_cast<TokenId>(random() % static_cast<std::uint32_t>(
                                                                   small_tokenizer().vocabulary_size() + 2)) -
                               1);
            constraint->allowed();
            constraint->depends_on_last_token();
        }
        // Wherever it is, a new message can begin.
        constraint->accept(small_tokenizer().special().start);
        EXPECT_TRUE(allows(*constraint, 'a'));
    }
}

// The slow reference: every header spelled out as symbols, a token allowed if some header continues with it.
class HeaderReference {
  public:
    HeaderReference() {
        const std::vector<std::string> types{"", " json", "<|constrain|>json", " <|constrain|>json"};
        add("<|channel|>analysis<|message|>");
        add("<|channel|>final<|message|>");
        add("<|channel|>commentary<|message|>");
        for (const std::string name : {"get_weather", "get", "search"})
            for (const auto& type : types) {
                add(" to=functions." + name + "<|channel|>commentary" + type + "<|message|>");
                add("<|channel|>commentary to=functions." + name + type + "<|message|>");
            }
    }

    std::vector<TokenId> allowed(const std::vector<int>& said) const {
        std::vector<TokenId> tokens;
        for (TokenId token = 0; token < small_tokenizer().vocabulary_size(); ++token) {
            if (small_tokenizer().is_padding(token)) continue;
            std::vector<int> candidate = said;
            append(candidate, token);
            for (const auto& header : headers_)
                if (header.size() >= candidate.size() &&
                    std::equal(candidate.begin(), candidate.end(), header.begin())) {
                    tokens.push_back(token);
                    break;
                }
        }
        return tokens;
    }

    static void append(std::vector<int>& symbols, TokenId token) {
        if (small_tokenizer().is_special(token)) {
            symbols.push_back(1000 + token);
            return;
        }
        for (const char byte : small_tokenizer().bytes(token))
            symbols.push_back(static_cast<unsigned char>(byte));
    }

  private:
    void add(const std::string& text) {
        headers_.emplace_back();
        for (const TokenId token : tokens_of(text)) append(headers_.back(), token);
    }
    std::vector<std::vector<int>> headers_;
};

TEST(Automaton, HeaderMasksAreThoseOfTheReference) {
    const HeaderReference reference;
    std::mt19937 random(11);
    std::map<std::uint64_t, std::vector<TokenId>> by_id;
    for (int round = 0; round < test::rounds(400); ++round) {
        const auto constraint = factory().make(with_tools());
        std::vector<int> said;
        while (true) {
            const auto tokens = allowed_tokens(*constraint);
            ASSERT_EQ(tokens, reference.allowed(said)) << "round " << round;
            const auto [known, added] = by_id.try_emplace(constraint->allowed_id(), tokens);
            ASSERT_EQ(known->second, tokens) << "one id, two masks";
            const TokenId token = tokens[random() % tokens.size()];
            HeaderReference::append(said, token);
            constraint->accept(token);
            if (token == small_tokenizer().special().message) break;
        }
    }
}

// Whatever is said at random under the automaton, the parser reads it as offered calls and well-formed
// messages.
TEST(Automaton, WhateverItAllowsTheParserUnderstands) {
    std::mt19937 random(5);
    int calls = 0;
    for (int round = 0; round < test::rounds(2000); ++round) {
        auto options = with_tools(round % 3 == 0 ? ToolUse::required : ToolUse::automatic);
        options.max_reasoning_tokens = static_cast<std::int32_t>(random() % 40);
        options.parallel_calls = round % 2 == 0;
        const auto constraint = factory().make(options);
        StreamParser parser(small_tokenizer(), {{"get_weather", "get", "search"}});
        test::Transcript transcript;
        const auto sink = [&](const Event& event) { transcript.add(event); };
        std::int32_t in_content = 0;
        for (int i = 0; i < 400; ++i) {
            const auto tokens = allowed_tokens(*constraint);
            if (tokens.empty()) break;
            TokenId token = tokens[random() % tokens.size()];
            if (tokens.size() > 200 && ++in_content % 8 == 0)
                token = tokens.back();  // the terminator is the last
            parser.push(token, sink);
            constraint->accept(token);
        }
        // Room is kept for a header in its usual tokens; spelled letter by letter it may take 15 more.
        ASSERT_LE(parser.reasoning_tokens(), *options.max_reasoning_tokens + 15) << "round " << round;
        for (const auto& call : parser.sampled_calls()) {
            ++calls;
            ASSERT_TRUE(call.empty() || call.back() == small_tokenizer().special().call);
        }
        ASSERT_TRUE(round % 3 != 0 || transcript.line.find("[content]") == std::string::npos)
            << transcript.line;
    }
    EXPECT_GT(calls, test::rounds(500));
}

}  // namespace
}  // namespace gptoss::harmony

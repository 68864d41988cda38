// Masks whose work is bounded, and matchers that go their own ways.
#include "grammar/compiled_grammar.h"

#include <gtest/gtest.h>

#include "grammar/custom_grammar.h"
#include "grammar/grammar_matcher.h"
#include "grammar/json_schema.h"
#include "support/small_vocabulary.h"

namespace gptoss::grammar {
namespace {

using test::small_tokenizer;

std::shared_ptr<const CompiledGrammar> compiled(Grammar grammar) {
    const Tokenizer& tokenizer = small_tokenizer();
    static const auto trie = std::make_shared<const VocabularyTrie>(tokenizer);
    static const auto strings = std::make_shared<const StringTokenTables>(tokenizer, trie);
    static const auto ordinary = std::make_shared<const TokenMask>(tokenizer.vocabulary_size());
    return std::make_shared<const CompiledGrammar>(GrammarVocabulary{&tokenizer, trie, strings, ordinary},
                                                   std::move(grammar), Budget::Cost{});
}

std::shared_ptr<const CompiledGrammar> of_schema(const nlohmann::ordered_json& schema) {
    Budget budget;
    return compiled(compile_schema(schema, {"the test", "", true}, budget).grammar);
}

std::vector<TokenId> tokens_in(const TokenMask& mask) {
    std::vector<TokenId> tokens;
    for (TokenId token = 0; token < small_tokenizer().vocabulary_size(); ++token)
        if (mask.allows(token)) tokens.push_back(token);
    return tokens;
}

// Hundreds of branches, each another automaton at every byte: too much for one mask.
nlohmann::ordered_json many_branches() {
    nlohmann::ordered_json schema{{"anyOf", nlohmann::ordered_json::array()}};
    for (int i = 0; i < 300; ++i)
        schema["anyOf"].push_back(
            {{"type", "object"},
             {"properties", {{"k" + std::to_string(i), {{"type", "string"}}}, {"z", true}}},
             {"required", {"k" + std::to_string(i), "z"}}});
    return schema;
}

TEST(CompiledGrammar, BoundedMasksLeadToTheEndAndAreSoundAndAlwaysTheSame) {
    const auto grammar = of_schema(many_branches()), fresh = of_schema(many_branches());
    GrammarMatcher matcher(grammar);
    Progress progress = begin(grammar->grammar());
    std::string text;
    for (const char* wanted : {"{\"", "k", "2", "9", "9", "\":", "\"", "\", \"", "z", "\":", "1", "}"}) {
        const std::vector<TokenId> allowed = tokens_in(matcher.allowed());
        ASSERT_FALSE(allowed.empty()) << text;
        EXPECT_EQ(allowed, tokens_in(*fresh->mask(progress))) << "whatever was asked before: " << text;
        for (const TokenId token : allowed)
            ASSERT_FALSE(step(grammar->grammar(), progress, small_tokenizer().bytes(token)).is_dead())
                << text << small_tokenizer().bytes(token);
        // The token itself, or its bytes one by one.
        for (const char byte : std::string_view(wanted)) {
            const std::string_view one(&byte, 1);
            matcher.accept(one);
            progress = step(grammar->grammar(), progress, one);
        }
        text += wanted;
        ASSERT_FALSE(progress.is_dead()) << text;
    }
    EXPECT_TRUE(matcher.may_end());
}

TEST(GrammarMatcher, ACopyGoesItsOwnWay) {
    GrammarMatcher one(of_schema({{"enum", {"ab", "cd"}}}));
    one.accept("\"");
    GrammarMatcher other = one;
    one.accept("a");
    other.accept("cd\"");
    EXPECT_TRUE(other.may_end());
    EXPECT_FALSE(one.may_end());
    EXPECT_EQ(small_tokenizer().decode(tokens_in(one.allowed())), "b");
}

TEST(GrammarMatcher, FollowsATextOfLark) {
    Budget budget;
    GrammarMatcher matcher(
        compiled(compile_lark("start: \"The\" \" answer\" \" is 4\"", {"the test", ""}, budget)));
    EXPECT_EQ(small_tokenizer().decode(tokens_in(matcher.allowed())), "TThe");
    matcher.accept("The answer");
    EXPECT_EQ(small_tokenizer().decode(tokens_in(matcher.allowed())), "  is");
    matcher.accept(" is");
    EXPECT_EQ(small_tokenizer().decode(tokens_in(matcher.allowed())), "  4");
    matcher.accept(" 4");
    EXPECT_TRUE(matcher.may_end());
    EXPECT_TRUE(tokens_in(matcher.allowed()).empty());
}

}  // namespace
}  // namespace gptoss::grammar

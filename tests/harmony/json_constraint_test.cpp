// JSON where JSON was promised: the final channel and the arguments of calls.
#include <gtest/gtest.h>

#include "base/error.h"
#include "grammar/json_schema.h"
#include "grammar/progress.h"
#include "grammar/schema_cases.h"
#include "grammar/schema_validator.h"
#include "harmony/constraint.h"
#include "support/constraint_walk.h"
#include "support/rounds.h"

namespace gptoss::harmony {
namespace {

using test::Json;
using test::small_tokenizer;

std::string refused_at(const ConstraintOptions& options, std::string_view text) {
    static ConstraintFactory factory(small_tokenizer());
    const auto constraint = factory.make(options);
    return test::refused_rest(*constraint, small_tokenizer().encode_with_special(text));
}

TEST(JsonConstraint, GovernsTheFinalChannelAndLeavesReasoningFree) {
    ConstraintOptions options;
    options.final_format = FinalFormat::json_schema;
    options.final_schema =
        Json::parse(R"({"type":"object","properties":{"answer":{"type":"integer"}},"required":["answer"]})");
    const std::string begin =
        "<|channel|>analysis<|message|>No {JSON here<|end|><|start|>assistant<|channel|>final";
    EXPECT_EQ(refused_at(options, begin + "<|message|>{\"answer\": 4}<|return|>"), "");
    EXPECT_EQ(refused_at(options, begin + " <|constrain|>json<|message|>{\"answer\":12}<|return|>"), "");
    EXPECT_EQ(refused_at(options, begin + "<|message|>{\"answer\": 4<|return|>"), "<|return|>");
    EXPECT_EQ(refused_at(options, begin + "<|message|>The answer is 4"), "The answer is 4");
    EXPECT_EQ(refused_at(options, begin + "<|message|>{\"answer\": 4} world"), " world");
}

TEST(JsonConstraint, JsonObjectIsAnyObject) {
    ConstraintOptions options;
    options.final_format = FinalFormat::json_object;
    EXPECT_EQ(refused_at(options, "<|channel|>final<|message|>{\"location\": [true, \"Paris\"]}<|return|>"),
              "");
    EXPECT_EQ(refused_at(options, "<|channel|>final<|message|>[]<|return|>"), "[]<|return|>");
}

TEST(JsonConstraint, GovernsArguments) {
    ConstraintOptions options;
    const Json schema = Json::parse(
        R"({"type":"object","properties":{"location":{"type":"string"}},"required":["location"],"additionalProperties":false})");
    options.tools = {{"strict", "", schema, true}, {"loose", "", schema, false}, {"bare", "", nullptr, true}};
    const auto call = [](const std::string& name, const std::string& arguments) {
        return " to=functions." + name + "<|channel|>commentary <|constrain|>json<|message|>" + arguments +
               "<|call|>";
    };
    EXPECT_EQ(refused_at(options, call("strict", "{\"location\":\"Paris\"}")), "");
    EXPECT_NE(refused_at(options, call("strict", "{}")), "");
    EXPECT_NE(refused_at(options, call("strict", "{\"get\":1}")), "");
    EXPECT_EQ(refused_at(options, call("loose", "{\"get\":1}")), "") << "any object";
    EXPECT_NE(refused_at(options, call("loose", "{\"get\":1}]")), "");
    EXPECT_EQ(refused_at(options, call("bare", "{}")), "");
    EXPECT_NE(refused_at(options, call("bare", "{\"get\":1}")), "");
    // A schema outside the subset matters only when it is promised to be kept.
    options.tools = {{"loose", "", Json::parse(R"({"oneOf":[]})"), false}};
    EXPECT_EQ(refused_at(options, call("loose", "{}")), "");
    options.tools[0].strict = true;
    EXPECT_THROW(refused_at(options, ""), Error);
}

// Leads random texts through every schema: each mask is what trying every token gives, each text that may end
// is valid.
TEST(JsonConstraint, MasksAreThoseOfTheReferenceAndTextsAreValid) {
    std::mt19937 random(2);
    const Tokenizer& tokenizer = small_tokenizer();
    ConstraintFactory factory(tokenizer);
    const TokenId end = tokenizer.special().return_;
    int valid_texts = 0;
    for (const test::SchemaCase& schema : test::kSchemaCases) {
        const Json parsed = Json::parse(schema.schema);
        grammar::Budget budget;
        const grammar::Grammar rule = grammar::compile_schema(parsed, {"the test", "", true}, budget).grammar;
        ConstraintOptions options;
        options.final_format = FinalFormat::json_schema;
        options.final_schema = parsed;
        for (int round = 0; round < test::rounds(12); ++round) {
            const auto constraint = factory.make(options);
            ASSERT_EQ(
                test::refused_rest(*constraint, tokenizer.encode_with_special("<|channel|>final<|message|>")),
                "");
            grammar::Progress progress = begin(rule);
            std::string text;
            for (int i = 0; i < 60; ++i) {
                std::vector<TokenId> expected;
                for (TokenId token = 0; token < tokenizer.vocabulary_size(); ++token)
                    if (!tokenizer.is_special(token) &&
                        !step(rule, progress, tokenizer.bytes(token)).is_dead())
                        expected.push_back(token);
                const bool complete = progress.complete;
                if (complete) expected.push_back(end);
                std::vector<TokenId> allowed = test::allowed_tokens(*constraint);
                std::sort(expected.begin(), expected.end());
                ASSERT_EQ(allowed, expected) << schema.schema << "\n" << text;
                ASSERT_FALSE(allowed.empty()) << schema.schema << "\n" << text;
                if (complete && (random() % 3 == 0 || allowed.size() == 1)) {
                    Json value;
                    try {
                        value = Json::parse(text);
                    } catch (const Json::out_of_range&) {  // 9e999 is JSON, though no double holds it
                        break;
                    }
                    const bool by_reference =
                        std::string_view(schema.schema).find("format") != std::string_view::npos ||
                        std::string_view(schema.schema).find("nullable") != std::string_view::npos ||
                        std::string_view(schema.schema).find("true}") != std::string_view::npos ||
                        test::is_valid(parsed, value, parsed);
                    ASSERT_TRUE(by_reference) << schema.schema << "\n" << text;
                    ++valid_texts;
                    break;
                }
                // Rather structure and quotes than the many letters.
                std::vector<TokenId> closing;
                for (const TokenId token : allowed)
                    if (token != end &&
                        tokenizer.bytes(token).find_first_of("\"}],:") != std::string_view::npos)
                        closing.push_back(token);
                const auto& from = closing.empty() || random() % 3 == 0 ? allowed : closing;
                const TokenId token = from[random() % from.size()];
                if (token == end) continue;
                text += tokenizer.bytes(token);
                progress = step(rule, progress, tokenizer.bytes(token));
                constraint->accept(token);
            }
        }
    }
    EXPECT_GT(valid_texts, test::rounds(200));
}

}  // namespace
}  // namespace gptoss::harmony

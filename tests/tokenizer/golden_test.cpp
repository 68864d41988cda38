// Token ids that tiktoken gave, with the whole vocabulary.
#include <gtest/gtest.h>

#include "golden_lines.h"
#include "support/o200k.h"
#include "tokenizer/tokenizer.h"

namespace gptoss {
namespace {

const Tokenizer* whole_tokenizer() {
    static const std::optional<gguf::Metadata> metadata = test::o200k_metadata();
    static const std::optional<Tokenizer> tokenizer =
        metadata ? std::optional(Tokenizer::from_metadata(*metadata)) : std::nullopt;
    return tokenizer ? &*tokenizer : nullptr;
}

std::vector<TokenId> ids(std::initializer_list<TokenId> tokens) {
    return tokens;
}

class GoldenTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!tokenizer) GTEST_SKIP() << "run scripts/fetch-o200k.sh for the ranks";
    }
    const Tokenizer* tokenizer = whole_tokenizer();
};

TEST_F(GoldenTest, OracleLines) {
    test::expect_golden_lines(*tokenizer, "oracle.jsonl", 300);
}

// Written by tiktoken 0.14.0: contractions, marks, blanks, characters new in Unicode 16, long runs, invalid
// UTF-8.
TEST_F(GoldenTest, TiktokenLines) {
    test::expect_golden_lines(*tokenizer, "tiktoken.jsonl", 480);
}

// The conversation of openai/harmony's test-data/test_simple_convo.txt, specials spelled in the text.
TEST_F(GoldenTest, HarmonyPrompt) {
    const std::string prompt =
        "<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\n"
        "Knowledge cutoff: 2024-06\n\nReasoning: medium\n\n"
        "# Valid channels: analysis, commentary, final. Channel must be included for every message.<|end|>"
        "<|start|>user<|message|>What is 2 + 2?<|end|><|start|>assistant";
    const auto expected =
        ids({200006, 17360, 200008, 3575,  553,   17554,  162016, 11,    261,  4410,   6439,   2359,   22203,
             656,    7788,  17527,  558,   87447, 100594, 25,     220,   1323, 19,     12,     3218,   279,
             30377,  289,   25,     14093, 279,   2,      13888,  18403, 25,   8450,   11,     49159,  11,
             1721,   13,    21030,  2804,  413,   7360,   395,    1753,  3176, 13,     200007, 200006, 1428,
             200008, 4827,  382,    220,   17,    659,    220,    17,    30,   200007, 200006, 173781});
    EXPECT_EQ(tokenizer->encode_with_special(prompt), expected);
    EXPECT_EQ(tokenizer->decode(expected), prompt);
}

TEST_F(GoldenTest, HarmonyCompletion) {
    const std::string completion =
        "<|channel|>analysis<|message|>User asks: \"What is 2 + 2?\" Simple arithmetic. Provide "
        "answer.<|end|>"
        "<|start|>assistant<|channel|>final<|message|>2 + 2 = 4.<|return|>";
    EXPECT_EQ(tokenizer->encode_with_special(completion),
              ids({200005, 35644, 200008, 1844,  31064, 25,  392,   4827, 382, 220,    17,     659,
                   220,    17,    16842,  12295, 81645, 13,  51441, 6052, 13,  200007, 200006, 173781,
                   200005, 17196, 200008, 17,    659,   220, 17,    314,  220, 19,     13,     200002}));
}

// Where the pattern that llama.cpp runs for these models differs.
TEST_F(GoldenTest, MarksAndCaseOutsideAscii) {
    EXPECT_EQ(tokenizer->encode("नमस्ते दुनिया"), ids({998, 1637, 14681, 628, 64593}));
    EXPECT_EQ(tokenizer->encode("приветМир"), ids({9501, 131903, 4474, 2479}));
    EXPECT_EQ(tokenizer->encode("écoleÉcole"), ids({377, 32289, 5859, 32289}));
    EXPECT_EQ(tokenizer->encode("ที่นี่"), ids({12144, 182260}));
}

TEST_F(GoldenTest, PublishedRows) {
    EXPECT_EQ(tokenizer->vocabulary_size(), 201088);
    EXPECT_EQ(tokenizer->special().start_of_text, 199998);
    EXPECT_EQ(tokenizer->special().end_of_text, 199999);
    EXPECT_EQ(tokenizer->special().return_, 200002);
    EXPECT_EQ(tokenizer->special().constrain, 200003);
    EXPECT_EQ(tokenizer->special().channel, 200005);
    EXPECT_EQ(tokenizer->special().start, 200006);
    EXPECT_EQ(tokenizer->special().end, 200007);
    EXPECT_EQ(tokenizer->special().message, 200008);
    EXPECT_EQ(tokenizer->special().call, 200012);
    EXPECT_EQ(tokenizer->find_special("<|endofprompt|>"), 200018);
    EXPECT_FALSE(tokenizer->is_special(199997));
    EXPECT_TRUE(tokenizer->is_special(199998));
    EXPECT_FALSE(tokenizer->is_padding(200018));
    EXPECT_TRUE(tokenizer->is_padding(200019));
    EXPECT_TRUE(tokenizer->is_padding(201087));
}

TEST_F(GoldenTest, BytesOfEveryTokenComeBack) {
    for (TokenId token = 0; token < 199998; ++token) {
        const std::string text(tokenizer->bytes(token));
        ASSERT_EQ(tokenizer->decode(tokenizer->encode(text)), text) << token;
    }
}

}  // namespace
}  // namespace gptoss

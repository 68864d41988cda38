#include "acceptance/text_quality.h"

#include <gtest/gtest.h>

namespace gptoss::acceptance {
namespace {

constexpr const char* kPoem =
    "A computer sat and thought all night\nof zeros and ones in silver light.\nAt dawn it printed, clear and "
    "small:\n"
    "hello, dear world, hello to all.";

TEST(TextQuality, LeavesHealthyTextAlone) {
    for (const char* text :
         {kPoem, "", "2 + 2 = 4.", "1, 2, 3, 4, 5", "Paris – la « ville lumière » 🗼", "analysis of the text",
          "no no no, never", "if (a < b || c > d) x |> f", "The user wants me to count from 1 to 5."}) {
        EXPECT_EQ(find_marker(text), "") << text;
        EXPECT_EQ(find_garbage(text), "") << text;
        EXPECT_EQ(find_repetition(text), "") << text;
    }
}

TEST(TextQuality, FindsMarkers) {
    for (const char* text : {"<|channel|>final", "Hi<|end|>", "analysisThe user asks", "so.assistantfinal4"})
        EXPECT_NE(find_marker(text), "") << text;
}

TEST(TextQuality, FindsGarbage) {
    for (const std::string& text : {std::string("caf\xE9"), std::string("a\xC0\x80z"),
                                    std::string("\xED\xA0\x80"), std::string("x\xEF\xBF\xBDy"),
                                    std::string("a\0b", 3), std::string("\x1b[31m"), std::string(500, 'x')})
        EXPECT_NE(find_garbage(text), "") << text;
}

TEST(TextQuality, FindsRepetition) {
    EXPECT_NE(find_repetition("the the the the the"), "");
    EXPECT_NE(find_repetition("The The capital capital of of France France is is Paris. Paris."), "");
    EXPECT_NE(find_repetition("I am not sure. I am not sure. I am not sure. I am not sure. I am not sure."),
              "");
}

TEST(TextQuality, FindsWholeWordsOnly) {
    EXPECT_TRUE(says_word("2 + 2 = 4.", "4"));
    EXPECT_TRUE(says_word("It is PARIS!", "Paris"));
    EXPECT_FALSE(says_word("chain 84532", "4"));
    EXPECT_FALSE(says_word("Parisian", "Paris"));
    EXPECT_FALSE(says_word("", "4"));
}

}  // namespace
}  // namespace gptoss::acceptance

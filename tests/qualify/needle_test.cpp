#include "qualify/needle.h"

#include <gtest/gtest.h>

#include <set>

namespace gptoss::qualify {
namespace {

TEST(Needle, StandsAtItsDepthAndOnce) {
    std::set<std::string> answers;
    for (const double depth : kNeedleDepths) {
        const Needle needle = make_needle(500, depth);
        const std::size_t at = needle.question.find(needle.answer);
        ASSERT_NE(at, std::string::npos);
        EXPECT_EQ(needle.question.find(needle.answer, at + 1), std::string::npos);
        EXPECT_NEAR(static_cast<double>(at) / static_cast<double>(needle.question.size()), depth, 0.02);
        answers.insert(needle.answer);
    }
    EXPECT_EQ(answers.size(), kNeedleDepths.size());
}

TEST(Needle, IsFoundHoweverItsDigitsAreSpelled) {
    EXPECT_TRUE(tells("It is 4711.", "4711"));
    EXPECT_TRUE(tells("4,711", "4711"));
    EXPECT_TRUE(tells("**4 711**", "4711"));
    EXPECT_FALSE(tells("4712", "4711"));
    EXPECT_FALSE(tells("47-11", "4711"));
    EXPECT_FALSE(tells("", "4711"));
}

}  // namespace
}  // namespace gptoss::qualify

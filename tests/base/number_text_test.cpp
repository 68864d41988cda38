#include "base/number_text.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace gptoss {
namespace {

TEST(NumberText, TheWholeTextIsTheNumber) {
    EXPECT_EQ(number_of<std::int64_t>("-42"), -42);
    EXPECT_EQ(number_of<std::uint64_t>("18446744073709551615"), 18446744073709551615U);
    EXPECT_EQ(number_of<float>("0.5"), 0.5F);
}

TEST(NumberText, AnythingElseIsNone) {
    for (const char* text : {"", " 1", "1 ", "+1", "1x", "x1", "0x10", "1.0"})
        EXPECT_EQ(number_of<std::int64_t>(text), std::nullopt) << text;
    EXPECT_EQ(number_of<std::uint64_t>("-1"), std::nullopt);
}

TEST(NumberText, WhatTheTypeCannotHoldIsNone) {
    EXPECT_EQ(number_of<std::int32_t>("2147483648"), std::nullopt);
    EXPECT_EQ(number_of<std::int64_t>("9223372036854775808"), std::nullopt);
}

}  // namespace
}  // namespace gptoss

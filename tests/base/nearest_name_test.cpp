#include "base/nearest_name.h"

#include <gtest/gtest.h>

#include <array>

namespace gptoss {
namespace {

const std::array<std::string, 5> kNames = {"serve", "chat", "check", "verify", "node-models"};

TEST(NearestName, FindsTypingErrorsAndBeginnings) {
    EXPECT_EQ(nearest_name("sevre", kNames), "serve");
    EXPECT_EQ(nearest_name("chta", kNames), "chat");
    EXPECT_EQ(nearest_name("verif", kNames), "verify");
    EXPECT_EQ(nearest_name("node", kNames), "node-models");
    EXPECT_EQ(nearest_name("checks", kNames), "check");
}

TEST(NearestName, SaysNothingWhereNothingIsNear) {
    EXPECT_EQ(nearest_name("frobnicate", kNames), std::nullopt);
    EXPECT_EQ(nearest_name("", kNames), std::nullopt);
    EXPECT_EQ(nearest_name("x", kNames), std::nullopt);
    EXPECT_EQ(nearest_name(std::string(1 << 20, 'c'), kNames), std::nullopt);
    EXPECT_EQ(nearest_name("serve", {}), std::nullopt);
}

}  // namespace
}  // namespace gptoss

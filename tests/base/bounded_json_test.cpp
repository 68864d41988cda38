#include "base/bounded_json.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace gptoss {
namespace {

std::string nested(std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
}

TEST(BoundedJson, ReadsWhatIsModest) {
    EXPECT_EQ(parse_bounded_json(R"({"a":[1,"x",{"b":null}]})").dump(), R"({"a":[1,"x",{"b":null}]})");
    EXPECT_TRUE(parse_bounded_json("{").is_discarded());
    EXPECT_TRUE(parse_bounded_json("").is_discarded());
}

TEST(BoundedJson, DiscardsWhatIsDeep) {
    EXPECT_TRUE(parse_bounded_json(nested(limits::kJsonDepth)).is_array());
    EXPECT_TRUE(parse_bounded_json(nested(limits::kJsonDepth + 1)).is_discarded());
    EXPECT_TRUE(parse_bounded_json(std::string(1'000'000, '[')).is_discarded());
}

TEST(BoundedJson, DiscardsWhatHasMany) {
    std::string many = "[0";
    for (std::size_t i = 2; i < limits::kJsonValues; ++i) many += ",0";
    EXPECT_EQ(parse_bounded_json(many + "]").size(), limits::kJsonValues - 1);
    EXPECT_TRUE(parse_bounded_json(many + ",0]").is_discarded());
}

}  // namespace
}  // namespace gptoss

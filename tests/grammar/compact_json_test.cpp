#include "grammar/compact_json.h"

#include <gtest/gtest.h>

namespace gptoss::grammar {
namespace {

using Json = nlohmann::ordered_json;

TEST(CompactJson, RealsLookLikeRusts) {
    const std::pair<double, const char*> cases[] = {{1.0, "1.0"},
                                                    {-0.0, "-0.0"},
                                                    {0.1, "0.1"},
                                                    {100.0, "100.0"},
                                                    {1e15, "1000000000000000.0"},
                                                    {1e16, "1e16"},
                                                    {1.5e16, "1.5e16"},
                                                    {1e20, "1e20"},
                                                    {1e-5, "0.00001"},
                                                    {1e-6, "1e-6"},
                                                    {1.5e-7, "1.5e-7"},
                                                    {12.34, "12.34"},
                                                    {-2.5e30, "-2.5e30"},
                                                    {123456789.125, "123456789.125"}};
    for (const auto& [value, text] : cases) EXPECT_EQ(compact_json(value), text);
    EXPECT_EQ(compact_json(Json::parse(R"([1, {"a" : "\u00e9\n\u0001"}])")),
              "[1,{\"a\":\"\xC3\xA9\\n\\u0001\"}]");
}

}  // namespace
}  // namespace gptoss::grammar

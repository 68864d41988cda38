#include "api/json_equality.h"

#include <gtest/gtest.h>

#include <string>

namespace gptoss::api {
namespace {

TEST(JsonEquality, IsOfValuesAndNotOfSpelling) {
    const char* const kSame[][2] = {
        {R"({"city":"Paris"})", R"({"city": "Paris"})"},
        {R"({"a":1,"b":[true,null]})", "{\n  \"b\": [ true, null ],\n  \"a\": 1\n}"},
        {R"({"a":{"x":1,"y":2}})", R"({"a":{"y":2,"x":1}})"},
        {R"({"city":"Paris"})", R"({"ci\u0074y":"\u0050aris"})"},
        {R"({"t":"é😀/"})", R"({"t":"\u00e9\ud83d\ude00\/"})"},
        {R"([1,10,0.5])", R"([1.0,1e1,5E-1])"},
        {R"([100000000000000000000])", R"([1e+20])"},
        {R"([0])", R"([-0.0])"},
        {R"("\"1\"")", R"("\u00221\"")"},
    };
    for (const auto& [a, b] : kSame) {
        EXPECT_TRUE(equal_json(a, b)) << a << " " << b;
        EXPECT_TRUE(equal_json(b, a)) << a << " " << b;
    }
}

TEST(JsonEquality, SeesEveryDifferenceOfValue) {
    const char* const kDifferent[][2] = {
        {R"({"city":"Paris"})", R"({"city":"paris"})"},
        {R"([1,2])", R"([2,1])"},
        {R"({"a":1})", R"({"a":"1"})"},
        {R"({"a":"n1e0"})", R"({"a":1})"},
        {R"(["s"])", R"([""])"},
        {R"([1])", R"([-1])"},
        {R"([1])", R"([10])"},
        {R"({"a":null})", R"({})"},
        // A double holds neither of these.
        {R"([115792089237316195423570985008687907853269984665640564039457584007913129639935])",
         R"([115792089237316195423570985008687907853269984665640564039457584007913129639934])"},
        {R"([9007199254740993])", R"([9007199254740992])"},
        {R"([1e-400])", R"([0])"},
        {R"([1e-99999999999])", R"([1e-99999999998])"},
    };
    for (const auto& [a, b] : kDifferent) EXPECT_FALSE(equal_json(a, b)) << a << " " << b;
}

TEST(JsonEquality, ComparesBytesOfWhatIsNoJson) {
    EXPECT_TRUE(equal_json("print(1)", "print(1)"));
    EXPECT_FALSE(equal_json("print(1)", "print( 1)"));
    EXPECT_FALSE(equal_json("{\"a\": ", "{\"a\":"));
    const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    EXPECT_FALSE(equal_json(deep, " " + deep));
    EXPECT_FALSE(equal_json("{} {}", "{}{}"));
    EXPECT_FALSE(equal_json("[01]", "[1]"));
}

}  // namespace
}  // namespace gptoss::api

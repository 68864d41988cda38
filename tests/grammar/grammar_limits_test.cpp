// What an attack on the node found, one test a finding: each is refused with its bound named, or costs little.
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "grammar/custom_grammar.h"
#include "grammar/json_schema.h"
#include "grammar/progress.h"
#include "grammar/regular_expression.h"

namespace gptoss::grammar {
namespace {

using Json = nlohmann::ordered_json;

// The message of the refusal; empty when the schema was taken.
std::string refusal(const Json& schema, bool strict = true) {
    try {
        Budget budget;
        compile_schema(schema, {"the test", "schema", strict}, budget);
        return "";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::request_invalid);
        return error.what();
    }
}

std::string refusal_of_pattern(const std::string& pattern) {
    return refusal({{"type", "string"}, {"pattern", pattern}});
}

std::string repeated(std::string_view text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
}

Json object_of(std::size_t count, const Json& schema, bool required = false) {
    Json object{{"type", "object"}, {"properties", Json::object()}};
    auto& properties = object["properties"].get_ref<Json::object_t&>();
    for (std::size_t i = 0; i < count; ++i) properties.emplace_back("p" + std::to_string(i), schema);
    if (required)
        for (std::size_t i = 0; i < count; ++i) object["required"].push_back("p" + std::to_string(i));
    return object;
}

TEST(PatternLimits, StackedQuantifiersAreNoPattern) {
    for (const char* quantifier : {"*", "+", "?", "{1}", "{0,2}", "*?"}) {
        const std::string pattern = "^a" + repeated(quantifier, 10000) + "$";
        EXPECT_NE(refusal_of_pattern(pattern).find("repetition"), std::string::npos) << quantifier;
    }
    EXPECT_NE(refusal_of_pattern("^a" + repeated("{1}", 76250) + "$").find("65536 bytes"), std::string::npos);
    EXPECT_NE(refusal_of_pattern("a" + repeated("*", 262000)).find("65536 bytes"), std::string::npos);
    EXPECT_EQ(refusal_of_pattern("^a+?b*?c??$"), "") << "lazy ones are patterns";
    const Json broken{{"type", "string"}, {"pattern", "a**"}},
        large{{"type", "string"}, {"pattern", std::string(70000, 'a')}};
    for (const Json& schema : {broken, large}) EXPECT_NE(refusal(schema, false), "") << "strict or not";
    EXPECT_EQ(refusal({{"type", "string"}, {"pattern", "(?=a)b"}}, false), "");
}

TEST(PatternLimits, NestedGroupsAndRepetitions) {
    EXPECT_EQ(refusal_of_pattern("^(x?){5000}$"), "") << "the same as x{0,5000}";
    EXPECT_EQ(refusal_of_pattern("^((()*)*)*$"), "");
    EXPECT_EQ(refusal_of_pattern("^(((){10000}){10000}){10000}$"), "") << "nothing, however often";
    EXPECT_EQ(refusal_of_pattern("^(((a+)+)+)+b$"), "");
    for (const char* pattern :
         {"^(x?y?){2500}$", "^(a{1,1000}){1,1000}$", "^[ab]*a[ab]{2000}$", "^(a|b)*a(a|b){20}$",
          "^((x{0,9}){0,9}y){9999}$", "^(([^a][^b]){0,60}){0,60}$", "^((a|)(b|)(c|)){3000}$"})
        EXPECT_NE(refusal_of_pattern(pattern), "") << pattern;
    EXPECT_NE(refusal_of_pattern(repeated("(", 101) + repeated(")", 101)).find("100 levels"),
              std::string::npos);
    EXPECT_NE(refusal_of_pattern(repeated("(", 30000)), "");
    EXPECT_EQ(refusal_of_pattern("^(" + repeated("|", 60000) + ")$"), "") << "nothing, in many ways";
    std::string alternatives = "^(a";
    for (int i = 0; i < 9000; ++i) alternatives += "|a" + std::to_string(i);
    EXPECT_NE(refusal_of_pattern(alternatives + ")$").find("states"), std::string::npos);
    EXPECT_EQ(refusal_of_pattern("^[" + repeated("ac", 30000) + "]*$"), "") << "a class is a set";
}

TEST(PatternLimits, ClassesAreSharedNotCopied) {
    std::string wide = "[";  // many ranges apart from each other
    for (int i = 0; i < 8000; ++i) {
        const int c = 0x1000 + 2 * i;
        wide += {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
                 static_cast<char>(0x80 | (c & 63))};
    }
    EXPECT_NE(refusal_of_pattern("^(" + wide + "]x){9000}$"), "");
}

TEST(PatternLimits, LengthsMultiplyStates) {
    EXPECT_NE(
        refusal(
            {{"type", "string"}, {"pattern", "^(ab?c?d?)*$"}, {"minLength", 30000}, {"maxLength", 30001}}),
        "");
    EXPECT_NE(refusal({{"type", "string"}, {"pattern", "a"}, {"minLength", 4000000000U}}), "");
    EXPECT_EQ(refusal({{"type", "string"}, {"minLength", 4000000000U}}), "");
}

TEST(SchemaLimits, ManyPropertiesAreReadSideBySideAsOne) {
    const Json schema = object_of(9000, {{"type", "string"}});
    Budget budget;
    const Grammar grammar = compile_schema(schema, {"the test", "", true}, budget).grammar;
    Progress progress = step(grammar, begin(grammar), "{\"p1");
    EXPECT_LE(progress.places.size(), 2U);
    progress = step(grammar, progress, "234\":\"a\", \"p8999\":\"b\"}");
    EXPECT_TRUE(progress.complete);
    EXPECT_TRUE(step(grammar, begin(grammar), "{\"p5\":\"\",\"p4\"").is_dead()) << "in the schema's order";
}

TEST(SchemaLimits, PropertiesAndNamesAreCounted) {
    EXPECT_EQ(refusal(object_of(300, {{"type", "string"}}, true)), "");
    EXPECT_NE(refusal(object_of(20000, {{"type", "null"}})).find("\"properties\" at #"), std::string::npos);
    Json required{{"type", "object"}};
    for (int i = 0; i < 60000; ++i) required["required"].push_back("r" + std::to_string(i));
    EXPECT_NE(refusal(required).find("\"required\" at #"), std::string::npos);
    Json values{{"enum", Json::array()}};
    for (int i = 0; i < 2000; ++i) values["enum"].push_back("value number " + std::to_string(i * 7919));
    EXPECT_EQ(refusal(values), "");
    for (int i = 0; i < 200000; ++i) values["enum"].push_back(i);
    EXPECT_NE(refusal(values).find("\"enum\" at #"), std::string::npos);
}

TEST(SchemaLimits, CommonPrefixesCostWhatTheirBytesCost) {
    Json values{{"enum", Json::array()}};
    for (int i = 0; i < 190; ++i) values["enum"].push_back(std::string(5000, 'x') + std::to_string(i));
    EXPECT_EQ(refusal(values), "");
    for (int i = 190; i < 2000; ++i) values["enum"].push_back(std::string(5000, 'x') + std::to_string(i));
    EXPECT_NE(refusal(values).find("bytes of names and values"), std::string::npos);
}

TEST(SchemaLimits, AllSchemasOfARequestShareABudget) {
    Budget budget;
    const Json schema = object_of(3000, {{"type", "integer"}, {"minimum", -5}});
    int taken = 0;
    try {
        for (; taken < 1000; ++taken) compile_schema(schema, {"the test", "", true}, budget);
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("200000 states"), std::string::npos) << error.what();
    }
    EXPECT_GT(taken, 1);
    EXPECT_LT(taken, 100);
}

TEST(SchemaLimits, DepthAndReferences) {
    Json chain{{"$ref", "#/$defs/d0"}, {"$defs", Json::object()}};
    for (int i = 0; i < 3000; ++i)
        chain["$defs"]["d" + std::to_string(i)] = {{"$ref", "#/$defs/d" + std::to_string(i + 1)}};
    chain["$defs"]["d3000"] = {{"type", "null"}};
    EXPECT_NE(refusal(chain).find("100 levels"), std::string::npos);
    EXPECT_NE(refusal({{"$ref", "#" + repeated("/a", 1000000)}}), "");
    EXPECT_NE(refusal({{"$ref", "#"}}).find("refers to itself"), std::string::npos);
    EXPECT_NE(refusal({{"anyOf", Json::array_t(501, Json::object())}}).find("500"), std::string::npos);
}

// k ways to read each of d levels: k^d ways altogether, but few places, because equal ones are one.
TEST(SchemaLimits, AmbiguityDoesNotMultiply) {
    for (const auto& [ways, levels] : {std::pair{2, 16}, {2, 30}, {40, 20}, {400, 4}}) {
        Json schema{{"$ref", "#/$defs/d0"}, {"$defs", Json::object()}};
        for (int i = 0; i < levels; ++i) {
            const Json branch{{"type", "array"},
                              {"items", {{"$ref", "#/$defs/d" + std::to_string(i + 1)}}},
                              {"minItems", 1},
                              {"maxItems", 1}};
            schema["$defs"]["d" + std::to_string(i)] = {
                {"anyOf", Json::array_t(static_cast<std::size_t>(ways), branch)}};
        }
        schema["$defs"]["d" + std::to_string(levels)] = {{"type", "null"}};
        Budget budget;
        const Grammar grammar = compile_schema(schema, {"the test", "", true}, budget).grammar;
        Progress progress = begin(grammar);
        for (const char byte : repeated("[", static_cast<std::size_t>(levels)) + "null" +
                                   repeated("]", static_cast<std::size_t>(levels))) {
            progress = step(grammar, progress, static_cast<std::uint8_t>(byte));
            ASSERT_FALSE(progress.is_dead());
            ASSERT_LE(progress.places.size(), limits::kLiveStates);
        }
        EXPECT_TRUE(progress.complete);
    }
}

TEST(SchemaLimits, LongNamesAreToldShort) {
    const Json schema{{"type", "object"},
                      {"properties", {{std::string(500000, 'n'), {{"type", "string"}, {"multipleOf", 2}}}}}};
    EXPECT_LT(refusal(schema).size(), 2000U);
}

TEST(LarkLimits, HostileGrammars) {
    const auto refused = [](const std::string& text) {
        try {
            Budget budget;
            compile_lark(text, {"the test", ""}, budget);
            return false;
        } catch (const Error&) {
            return true;
        }
    };
    EXPECT_TRUE(refused("start: " + repeated("(", 5000)));
    EXPECT_TRUE(refused("start: " + repeated("[", 200) + "\"a\"" + repeated("]", 200)));
    EXPECT_TRUE(refused("start: A\nA: A A"));
    EXPECT_TRUE(refused("start: A\nA: B B\nB: A"));
    EXPECT_TRUE(refused("start: a\na: b\nb: a"));
    EXPECT_TRUE(refused("start: (\"a\"~10000)~10000"));
    EXPECT_TRUE(refused("start: A\nA: (\"a\"~10000)~10000"));
    EXPECT_TRUE(refused(std::string(limits::kLarkBytes + 1, '\n')));
    std::string doubling = "start: T0\n";
    for (int i = 0; i < 60; ++i)
        doubling +=
            "T" + std::to_string(i) + ": T" + std::to_string(i + 1) + " T" + std::to_string(i + 1) + "\n";
    EXPECT_TRUE(refused(doubling + "T60: \"a\"\n"));
    std::string many = "start: \"a\"\n";
    for (int i = 0; i < 5000; ++i) many += "r" + std::to_string(i) + ": \"a\"\n";
    EXPECT_TRUE(refused(many));
}

}  // namespace
}  // namespace gptoss::grammar

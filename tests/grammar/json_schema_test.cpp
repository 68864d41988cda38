#include "grammar/json_schema.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "grammar/progress.h"
#include "schema_cases.h"
#include "schema_validator.h"

namespace gptoss::grammar {
namespace {

using test::Json;

bool accepts(const Grammar& grammar, std::string_view text) {
    return step(grammar, begin(grammar), text).complete;
}

Grammar compile(const Json& schema) {
    Budget budget;
    return compile_schema(schema, {"the test", "schema", true}, budget).grammar;
}

TEST(JsonSchema, AcceptsAndRefuses) {
    for (const test::SchemaCase& schema : test::kSchemaCases) {
        const Grammar grammar = compile(Json::parse(schema.schema));
        for (const char* text : schema.accepted)
            EXPECT_TRUE(accepts(grammar, text)) << schema.schema << "\n" << text;
        for (const char* text : schema.refused)
            EXPECT_FALSE(accepts(grammar, text)) << schema.schema << "\n" << text;
    }
}

// What is said to be valid here is so for the reference as well (which knows no formats).
TEST(JsonSchema, AgreesWithTheReference) {
    for (const test::SchemaCase& schema : test::kSchemaCases) {
        if (std::string_view(schema.schema).find("\"format\"") != std::string_view::npos ||
            std::string_view(schema.schema).find("nullable") != std::string_view::npos ||
            std::string_view(schema.schema).find("true}") != std::string_view::npos)
            continue;
        const Json parsed = Json::parse(schema.schema);
        for (const char* text : schema.accepted)
            EXPECT_TRUE(test::is_valid(parsed, Json::parse(text), parsed)) << schema.schema << "\n" << text;
    }
}

TEST(JsonSchema, NamesWhatItDoesNotSupport) {
    const std::tuple<const char*, const char*, const char*> cases[] = {
        {R"({"oneOf":[]})", "oneOf", "#"},
        {R"({"type":"object","properties":{"a":{"not":{}}}})", "not", "#/properties/a"},
        {R"({"type":"array","items":{"type":"integer","multipleOf":2}})", "multipleOf", "#/items"},
        {R"({"type":"array","uniqueItems":true})", "uniqueItems", "#"},
        {R"({"type":"object","patternProperties":{"^a":{}}})", "patternProperties", "#"},
        {R"({"if":{},"then":{}})", "if", "#"},
        {R"({"anyOf":[{"type":"integer"},{"contains":{}}]})", "contains", "#/anyOf/1"},
        {R"({"anyOf":[{}],"type":"object"})", "anyOf", "#"},
        {R"({"$ref":"#/$defs/a","type":"object","$defs":{"a":true}})", "$ref", "#"},
        {R"({"$ref":"#/$defs/b"})", "$ref", "#"},
        {R"({"$ref":"http://example.com/schema"})", "$ref", "#"},
        {R"({"$defs":{"a":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"})", "$ref", "#"},
        {R"({"allOf":[{},{}]})", "allOf", "#"},
        {R"({"type":"tuple"})", "type", "#"},
        {R"({"enum":["a"],"minLength":1})", "enum", "#"},
        {R"-({"type":"string","pattern":"(?=a)"})-", "pattern", "#"},
        {R"({"type":"string","pattern":"a\\bc"})", "pattern", "#"},
        {R"({"type":"string","pattern":"("})", "pattern", "#"},
        {R"({"type":"string","pattern":"(a{1,1000}){1,1000}"})", "pattern", "#"},
        {R"({"type":"string","pattern":"a","format":"date"})", "pattern", "#"},
        {R"({"type":"string","format":"iri"})", "format", "#"},
        {R"({"type":"string","minLength":-1})", "minLength", "#"},
        {R"({"type":"array","maxItems":5000})", "maxItems", "#"},
        {R"({"type":"array","items":[{}]})", "items", "#"},
        {R"({"type":"object","required":["a"],"additionalProperties":false})", "required", "#"},
        {R"({"type":"integer","minimum":5,"maximum":4})", "", "#"},
        {R"({"enum":[]})", "", "#"},
        {"false", "", "#"},
        {"7", "", "#"},
    };
    for (const auto& [schema, keyword, path] : cases) {
        try {
            compile(Json::parse(schema));
            ADD_FAILURE() << schema << " was accepted";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::request_invalid);
            EXPECT_EQ(error.facts(),
                      (Error::Facts{{"keyword", keyword}, {"path", path}, {"param", "schema"}}))
                << schema << "\n"
                << error.what();
            EXPECT_NE(std::string(error.what()).find(keyword), std::string::npos);
        }
    }
}

TEST(JsonSchema, SurvivesHostileSchemas) {
    std::string deep = "{\"type\":\"integer\"}";
    for (int i = 0; i < 300; ++i) deep = "{\"type\":\"array\",\"items\":" + deep + "}";
    EXPECT_THROW(compile(Json::parse(deep)), Error);
    EXPECT_THROW(compile({{"type", "string"}, {"pattern", std::string(300, '(')}}), Error);
}

TEST(AnyJsonObject, IsAnyObject) {
    const Grammar grammar = any_json_object();
    for (const char* text : {"{}", R"({"a":[1,{"b":null}],"c":"d"})", "{\n\t\"a\": {}\n}"})
        EXPECT_TRUE(accepts(grammar, text)) << text;
    for (const char* text : {"", "[]", "1", R"({"a":1}})", R"({"a":1,})", " {}"})
        EXPECT_FALSE(accepts(grammar, text)) << text;
    // Nested without end, it still leaves scalars to close with.
    std::string deep = "{\"a\":";
    for (int i = 0; i < 500; ++i) deep += "[";
    EXPECT_TRUE(step(grammar, begin(grammar), deep).is_dead());
}

}  // namespace
}  // namespace gptoss::grammar
